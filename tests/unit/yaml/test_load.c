/* YAML files as trees, and what is refused: the exact sentence for each. */
#include "unit/yaml_text.h"
#include "yaml/load.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static void
test_tree(void **state)
{
    (void)state;
    struct tree_node *root = yaml_load("# first\n"
                                       "a: 1\n"
                                       "b:\n"
                                       "  - x\n"
                                       "  - {c: \"two words\", d: }\n"
                                       "e: |\n"
                                       "  line\n");
    const struct tree_node *b = tree_child(root, "b");
    const struct tree_node *map = b->first->next;
    const struct tree_node *c = tree_child(map, "c");
    assert_int_equal(root->kind, TREE_MAP);
    assert_int_equal(tree_child(root, "a")->line, 2);
    assert_string_equal(tree_child(root, "a")->text, "1");
    assert_int_equal(b->kind, TREE_LIST);
    assert_int_equal(b->key_line, 3);
    assert_string_equal(b->first->text, "x");
    assert_int_equal(map->line, 5);
    assert_int_equal(map->index, 1);
    assert_null(map->next);
    assert_string_equal(c->text, "two words");
    assert_true(c->quoted);
    assert_true(c->parent == map && map->parent == b && b->parent == root);
    assert_true(tree_is_null(tree_child(map, "d")));
    assert_int_equal(tree_child(map, "d")->line, 5);
    assert_string_equal(tree_child(root, "e")->text, "line\n");
    assert_true(tree_child(root, "e")->quoted);
    assert_null(tree_child(root, "f"));
    assert_null(tree_child(c, "f"));
    assert_null(tree_child(NULL, "f"));
    assert_int_equal(tree_fail(&yaml_why, c, "is %d", 7), -1);
    assert_string_equal(yaml_sentence(), "5: b[1].c: is 7");
    tree_free(root);
    tree_free(NULL);
}

static void
test_empty(void **state)
{
    (void)state;
    assert_null(yaml_load(""));
    assert_null(yaml_load("# only this\n"));
    assert_true(tree_is_null(NULL));
}

static int
load(const char *path, struct tree_node **root)
{
    const struct tree_file file = {.path = path, .flag = "--config.file"};

    return tree_load(&file, root, &yaml_why);
}

static void
refuses_written(const char *sentence)
{
    struct tree_node *root = (struct tree_node *)&root;

    assert_int_equal(load(yaml_path, &root), -1);
    assert_null(root);
    assert_string_equal(yaml_sentence(), sentence);
}

static void *
read_written(void)
{
    struct tree_node *root;

    return load(yaml_path, &root) < 0 ? NULL : root;
}

static void
release(void *root)
{
    tree_free(root);
}

static const struct yaml_mistake mistakes[] = {
    {"log: {}\nlog: {}\n",
     "2: \"log\" stands here a second time (first in line 1); remove one of them"},
    {"log:\n\tlevel: info\n", "2: a tab stands in the indentation; indent with spaces"},
    {"log: {level: info\n",
     "1: not valid YAML (did not find expected ',' or '}'); check the indentation, "
     "quotes and brackets here and in the line above"},
    {"log: &a {}\n", "1: anchors (&) and aliases (*) are not allowed; write the value "
                     "out, or put it in quotes"},
    {"log: *a\n", "1: anchors (&) and aliases (*) are not allowed; write the value "
                  "out, or put it in quotes"},
    {"log: !!map {}\n",
     "1: tags (!) are not allowed; write the value alone, or put it in quotes"},
    {"{[a]: b}\n", "1: a key is not plain text; write it like interval: 15s"},
    {"*a : b\n", "1: a key is not plain text; write it like interval: 15s"},
    {"&a log: {}\n", "1: a key has an anchor or a tag; write the key alone"},
    {"log: {}\n---\nweb: {}\n",
     "2: a second document begins here; keep everything in one and remove the ---"},
    {"log:\n  level: \"a\\0b\"\n", "2: a value holds a NUL character; remove the \\0"},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    yaml_each_is_refused(mistakes, sizeof(mistakes) / sizeof(mistakes[0]), true,
                         read_written, release);
}

static void
refuses(const char *path, const char *sentence)
{
    struct tree_node *root;

    assert_int_equal(load(path, &root), -1);
    assert_string_equal(yaml_why.text, sentence);
}

static void
what_is_no_file_is_named(void **state)
{
    char folder[] = "/tmp/test_load.XXXXXX", path[64], sentence[256];

    (void)state;
    refuses("/none.yml", "/none.yml: cannot be opened (No such file or directory); "
                         "check the path given with --config.file");
    refuses("/", "/: is a directory; give the YAML file itself with --config.file");
    refuses("/dev/zero", "/dev/zero: is larger than 1024 KiB; a config needs far "
                         "less, so check the path");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)snprintf(sentence, sizeof(sentence),
                   "%s: is not a regular file; give the YAML file itself with "
                   "--config.file",
                   path);
    refuses(path, sentence);
    assert_int_equal(unlink(path), 0);
    if (geteuid() != 0) { /* root may read everything */
        (void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
        (void)snprintf(sentence, sizeof(sentence),
                       "%s: cannot be opened (Permission denied); let the exporter's "
                       "user read it",
                       path);
        refuses(path, sentence);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void
a_huge_file_is_refused(void **state)
{
    (void)state;
    yaml_write("", 0);
    assert_int_equal(truncate(yaml_path, 100 << 20), 0);
    struct tree_node *root;

    assert_int_equal(load(yaml_path, &root), -1);
    assert_non_null(strstr(yaml_why.text, ": is larger than 1024 KiB; a config needs "
                                          "far less, so check the path"));
}

/* The key of the web's certificates may hold more. */
static void
values_may_be_longer_where_it_is_said(void **state)
{
    static char text[5000] = "key: ";
    const struct tree_file longer = {
        .path = yaml_path, .flag = "--web.config.file", .string_bytes_max = 4900};
    struct tree_node *root;

    (void)state;
    memset(text + 5, 'k', 4900);
    yaml_write(text, strlen(text));
    refuses_written("1: a value is longer than 4096 bytes; shorten it");
    assert_int_equal(tree_load(&longer, &root, &yaml_why), 0);
    assert_int_equal(strlen(tree_child(root, "key")->text), 4900);
    tree_free(root);
}

/* `count` times `part` behind `head`. */
static void
check_repeated(const char *head, const char *part, size_t count, const char *wanted)
{
    size_t head_length = strlen(head), part_length = strlen(part);
    char *text = malloc(head_length + count * part_length + 1);

    assert_non_null(text);
    memcpy(text, head, head_length + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head_length + i * part_length, part, part_length + 1);
    yaml_write(text, strlen(text));
    free(text);
    refuses_written(wanted);
}

static void
test_bombs(void **state)
{
    (void)state;
    tree_free(yaml_load("[[[[[[[[x]]]]]]]]"));
    check_repeated("[[[[[[[[", "[x]", 1,
                   "1: nested more than 8 levels deep; check the brackets and the "
                   "indentation");
    check_repeated("", "[", 1000000,
                   "1: nested more than 8 levels deep; check the brackets and "
                   "the indentation");
    check_repeated("", "{a: ", 200000,
                   "1: nested more than 8 levels deep; check the brackets and "
                   "the indentation");
    check_repeated("- - - ", "- ", 100000,
                   "1: nested more than 8 levels deep; check the brackets and "
                   "the indentation");
    check_repeated("sources:\n", "- 1\n", 200000,
                   "20000: more than 20000 values; a config needs far less, "
                   "so check the path");
    check_repeated("log: {level: ", "xxxxxxxx", 1000,
                   "1: a value is longer than 4096 bytes; shorten it");
    check_repeated("web: {listen_addresses: [", "\":1\",", 17,
                   "1: not valid YAML (did not find expected node content); "
                   "check the indentation, quotes and brackets here and in "
                   "the line above");
}

static void
test_nul_and_utf8(void **state)
{
    (void)state;
    yaml_write("log:\n  level: \"a\0b\"\n", 19);
    refuses_written("2: a control character stands here; save the file "
                    "as UTF-8 text");
    yaml_write("log:\n\n  level: \xff\n", 17);
    refuses_written("3: this is not valid UTF-8; save the file as UTF-8 text");
    yaml_write("\xff\xfel\0o\0g\0", 8);
    refuses_written("1: this is not valid UTF-8; save the file as UTF-8 text");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(each_mistake_has_its_sentence),
        cmocka_unit_test(what_is_no_file_is_named),
        cmocka_unit_test(a_huge_file_is_refused),
        cmocka_unit_test(values_may_be_longer_where_it_is_said),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_nul_and_utf8),
    };

    return cmocka_run_group_tests_name("yaml load", tests, NULL, NULL);
}
