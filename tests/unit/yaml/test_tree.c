/* The tree of a YAML file, its typed values, and the suggestions in its sentences; the
 * sentences about bad files are in test_config.c. */
#include "base/suggest.h"
#include "yaml/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NS_PER_S INT64_C(1000000000)

static char path[] = "/tmp/test_yaml_tree.XXXXXX";
static char sentence[512];
static struct tree_problem problem = {
    .file = "f.yml", .text = sentence, .text_bytes = sizeof(sentence)};

static int
file_setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int
file_teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static struct tree_node *
load(const char *text)
{
    struct tree_node *root;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    sentence[0] = '\0';
    if (tree_load(path, &root, &problem) < 0)
        fail_msg("%s", sentence);
    return root;
}

static void
test_tree(void **state)
{
    (void)state;
    struct tree_node *root = load("# first\n"
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
    assert_int_equal(tree_fail(&problem, c, "is %d", 7), -1);
    assert_string_equal(sentence, "f.yml:5: b[1].c: is 7");
    tree_free(root);
    tree_free(NULL);
}

static void
test_empty(void **state)
{
    (void)state;
    assert_null(load(""));
    assert_null(load("# only this\n"));
    assert_true(tree_is_null(NULL));
}

static void
test_depth_limit(void **state)
{
    (void)state;
    struct tree_node *root;
    tree_free(load("[[[[[[[[x]]]]]]]]"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("[[[[[[[[[x]]]]]]]]]", file);
    fclose(file);
    assert_int_equal(tree_load(path, &root, &problem), -1);
    assert_null(root);
}

static void
test_null(void **state)
{
    (void)state;
    struct tree_node *root = load("[ ~, null, '', \"null\", nil, [] ]");
    static const bool wanted[] = {true, true, false, false, false, false};
    for (const struct tree_node *node = root->first; node != NULL; node = node->next)
        assert_int_equal(tree_is_null(node), wanted[node->index]);
    tree_free(root);
}

static void
check_duration(const char *text, int64_t wanted_ns)
{
    struct tree_node *root = load(text);
    int64_t ns = -2;
    if (value_read_duration(root, 0, INT64_MAX, &ns, &problem) < 0)
        ns = -1;
    if (ns != wanted_ns)
        fail_msg("%s is read as %lld ns", text, (long long)ns);
    tree_free(root);
}

static void
test_durations(void **state)
{
    (void)state;
    check_duration("15s", 15 * NS_PER_S);
    check_duration("\"15s\"", 15 * NS_PER_S);
    check_duration("250ms", NS_PER_S / 4);
    check_duration("1m30s", 90 * NS_PER_S);
    check_duration("2h", 7200 * NS_PER_S);
    check_duration("1h2m3s4ms", 3723 * NS_PER_S + 4000000);
    check_duration("0s", 0);
    static const char *const bad[] = {
        "5x",   "s",   "-1s",   "1 s",      "1s1s",
        "1s1m", "1d",  "1S",    "1.5s",     "60",
        "0",    "01s", "1ms1s", "2562048h", "9999999999999999999s",
        "\"\"", "+1s", "1sx"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_duration(bad[i], -1);
}

static void
test_durations_read_back(void **state)
{
    (void)state;
    static const int64_t spans[] = {0,
                                    1000000,
                                    NS_PER_S,
                                    90 * NS_PER_S,
                                    86400 * NS_PER_S,
                                    3723 * NS_PER_S + 4000000};
    char text[VALUE_BYTES];
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
        check_duration(value_duration_format(spans[i], text), spans[i]);
    assert_string_equal(value_duration_format(86400 * NS_PER_S, text), "24h");
}

static void
check_bytes(const char *text, int64_t wanted)
{
    struct tree_node *root = load(text);
    int64_t bytes = -2;
    if (value_read_bytes(root, 0, INT64_MAX, &bytes, &problem) < 0)
        bytes = -1;
    if (bytes != wanted)
        fail_msg("%s is read as %lld", text, (long long)bytes);
    tree_free(root);
}

static void
test_bytes(void **state)
{
    (void)state;
    check_bytes("512", 512);
    check_bytes("512B", 512);
    check_bytes("64KiB", 65536);
    check_bytes("1MiB", 1048576);
    check_bytes("1GiB", 1073741824);
    static const char *const bad[] = {"1MB",  "1K",   "1 KiB",
                                      "KiB",  "-1",   "1.5MiB",
                                      "0x10", "1kib", "9999999999999GiB"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_bytes(bad[i], -1);
    char text[VALUE_BYTES];
    assert_string_equal(value_bytes_format(1048576, text), "1MiB");
    assert_string_equal(value_bytes_format(65536, text), "64KiB");
    assert_string_equal(value_bytes_format(1000, text), "1000");
    assert_string_equal(value_bytes_format(0, text), "0");
}

static void
test_integers(void **state)
{
    (void)state;
    struct tree_node *root = load("[0, 7, 9223372036854775807, 9223372036854775808, "
                                  "'7', 07, 0x7, 1_0, 1e3, -7, +7]");
    static const int64_t wanted[] = {0, 7, INT64_MAX};
    for (const struct tree_node *node = root->first; node != NULL; node = node->next) {
        int64_t number = -1;
        int result = value_read_integer(node, 0, INT64_MAX, &number, &problem);
        assert_int_equal(result, node->index < 3 ? 0 : -1);
        if (result == 0)
            assert_true(number == wanted[node->index]);
    }
    tree_free(root);
}

static void
test_quote(void **state)
{
    (void)state;
    char quoted[TREE_QUOTE_BYTES];
    char umlauts[201] = "";
    assert_string_equal(tree_quote("a\x1b[2J\n\x7f", quoted), "a?[2J??");
    for (size_t i = 0; i < 200; i += 2)
        memcpy(umlauts + i, "\xc3\xa4", 3);
    for (size_t shift = 0; shift < 2; shift++) {
        const char *cut = tree_quote(umlauts + 2 - 2 * shift, quoted);
        assert_true(strlen(cut) < TREE_QUOTE_BYTES);
        assert_string_equal(cut + strlen(cut) - 5, "\xc3\xa4...");
    }
    char odd[202] = "x";
    memcpy(odd + 1, umlauts, sizeof(umlauts));
    const char *cut = tree_quote(odd, quoted);
    assert_string_equal(cut + strlen(cut) - 5, "\xc3\xa4...");
}

static void
test_suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"interval", "timeout", "max_age", "uri", NULL};
    char remedy[64];
    assert_string_equal(suggest_nearest("intervall", names), "interval");
    assert_string_equal(suggest_nearest("itnerval", names), "interval");
    assert_string_equal(suggest_nearest("time_out", names), "timeout");
    assert_string_equal(suggest_nearest("url", names), "uri");
    assert_null(suggest_nearest("period", names));
    assert_null(suggest_nearest("", names));
    assert_null(suggest_nearest("x", names));
    char huge[5000];
    memset(huge, 'x', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    assert_null(suggest_nearest(huge, names));
    suggest_remedy("maxage", names, remedy, sizeof(remedy));
    assert_string_equal(remedy, "did you mean \"max_age\"?");
    suggest_remedy("period", names, remedy, sizeof(remedy));
    assert_string_equal(remedy, "known are: interval, timeout, max_age, uri");
    suggest_remedy("period", names, remedy, 20);
    assert_string_equal(remedy, "known are: interval");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_depth_limit), cmocka_unit_test(test_null),
        cmocka_unit_test(test_durations),   cmocka_unit_test(test_durations_read_back),
        cmocka_unit_test(test_bytes),       cmocka_unit_test(test_integers),
        cmocka_unit_test(test_quote),       cmocka_unit_test(test_suggestions),
    };
    return cmocka_run_group_tests_name("yaml tree", tests, file_setup, file_teardown);
}
