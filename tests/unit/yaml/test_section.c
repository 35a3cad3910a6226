/* Tables of keys: each type into its member, what is not said stays, what is wrong is
 * named, and what is called when. */
#include "unit/yaml_text.h"
#include "yaml/section.h"

#include <stdlib.h>

struct inner {
    size_t bytes;
    int64_t wait_ns;
};

struct outer {
    bool on;
    unsigned int few;
    size_t many;
    int64_t whole;
    char *text;
    struct inner inner;
    enum { SMALL, LARGE } choice;
    int reads; /* how often `list` was read, and whether it was there */
    bool is_there;
};

static const char *
short_text(const char *text)
{
    return strlen(text) > 3 ? "is too long; shorten it" : NULL;
}

static const char *const choices[] = {[SMALL] = "small", [LARGE] = "large", NULL};

static const char *
small_or_large(const char *text)
{
    bool is_one = strcmp(text, "small") == 0 || strcmp(text, "large") == 0;

    return is_one ? NULL : "is neither; write small or large";
}

static int
inner_check(const struct tree_node *map, void *value, struct failure *why)
{
    const struct inner *inner = value;

    if (inner->bytes == 512)
        return tree_fail(why, map, "512 is not liked");
    return 0;
}

static int
list_read(const struct tree_node *node, void *value, struct failure *why)
{
    struct outer *outer = value;

    (void)why;
    outer->reads++;
    outer->is_there = node;
    return 0;
}

static const struct section_key inner_keys[] = {
    {"bytes", SECTION_BYTES, offsetof(struct inner, bytes), 1, 1024, .help = ""},
    {"wait", SECTION_DURATION, offsetof(struct inner, wait_ns), 0, 1000000000,
     .help = ""},
    {.key = NULL},
};
static const struct section_key outer_keys[] = {
    {"on", SECTION_BOOL, offsetof(struct outer, on), .help = ""},
    {"few", SECTION_UNSIGNED, offsetof(struct outer, few), 1, 9, .help = ""},
    {"many", SECTION_COUNT, offsetof(struct outer, many), 0, 99, .help = ""},
    {"whole", SECTION_INTEGER, offsetof(struct outer, whole), 0, 99, .help = ""},
    {"text", SECTION_TEXT, offsetof(struct outer, text), .check = short_text},
    {"choice", SECTION_CHOICE, offsetof(struct outer, choice), .check = small_or_large,
     .choices = choices},
    {"inner", .offset = offsetof(struct outer, inner), .keys = inner_keys,
     .read = inner_check},
    {"list", .read = list_read},
    {.key = NULL},
};

static struct outer
read_outer(const char *text)
{
    struct outer outer = {.few = 5, .inner.bytes = 7};
    struct tree_node *root = yaml_load(text);

    if (section_read(outer_keys, root, &outer, &yaml_why) < 0)
        fail_msg("%s", yaml_why.text);
    tree_free(root);
    return outer;
}

static void
each_type_goes_into_its_member(void **state)
{
    struct outer outer = read_outer("{on: true, few: 9, many: 99, whole: 3, text: abc, "
                                    "choice: large, inner: {bytes: "
                                    "1KiB, wait: 250ms}, list: []}");

    (void)state;
    assert_true(outer.on);
    assert_int_equal(outer.few, 9);
    assert_int_equal(outer.many, 99);
    assert_int_equal(outer.whole, 3);
    assert_string_equal(outer.text, "abc");
    assert_int_equal(outer.choice, LARGE);
    assert_int_equal(outer.inner.bytes, 1024);
    assert_int_equal(outer.inner.wait_ns, 250000000);
    assert_int_equal(outer.reads, 1);
    assert_true(outer.is_there);
    free(outer.text);
}

static void
what_is_not_said_stays(void **state)
{
    static const char *const texts[] = {"", "{}", "~", "inner:", "inner: {}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct outer outer = read_outer(texts[i]);

        assert_false(outer.on);
        assert_int_equal(outer.few, 5);
        assert_int_equal(outer.inner.bytes, 7);
        assert_null(outer.text);
        assert_int_equal(outer.reads, 1); /* it may have a default to make */
        assert_false(outer.is_there);
    }
}

static void *
read_written(void)
{
    static struct outer outer;
    const struct tree_file file = {.path = yaml_path};
    struct tree_node *root = NULL;

    outer = (struct outer){.few = 5};
    assert_int_equal(tree_load(&file, &root, &yaml_why), 0);
    int result = section_read(outer_keys, root, &outer, &yaml_why);

    tree_free(root);
    free(outer.text);
    return result < 0 ? NULL : &outer;
}

static void
release(void *outer)
{
    (void)outer;
}

static void
each_mistake_has_its_place(void **state)
{
    static const struct yaml_mistake mistakes[] = {
        {"7\n", "1: is not a map of keys; write it like on: ..."},
        {"onn: true\n", "1: unknown key \"onn\"; did you mean \"on\"?"},
        {"few: 10\n", "1: few: 10 is out of range; write a number from 1 to 9"},
        {"many: x\n", "1: many: \"x\" is not a whole number; write one from 0 to 99, "
                      "without quotes"},
        {"text: abcd\n", "1: text: \"abcd\" is too long; shorten it"},
        {"choice: huge\n", "1: choice: \"huge\" is neither; write small or large"},
        {"text: [a]\n",
         "1: text: is a list, not a single value; write it like \"text\""},
        {"inner:\n  byte: 1\n",
         "2: inner: unknown key \"byte\"; did you mean \"bytes\"?"},
        {"inner:\n  bytes: 2KiB\n",
         "2: inner.bytes: 2KiB is out of range; write a size from 1 to 1KiB"},
        {"on: true\ninner: {bytes: 512}\n", "2: inner: 512 is not liked"},
    };

    (void)state;
    yaml_each_is_refused(mistakes, sizeof(mistakes) / sizeof(mistakes[0]), true,
                         read_written, release);
}

static void
names_are_those_of_the_table(void **state)
{
    const char *names[SECTION_KEYS_MAX];

    (void)state;
    assert_int_equal(section_names(outer_keys, names), 8);
    assert_string_equal(names[0], "on");
    assert_string_equal(names[7], "list");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_goes_into_its_member),
        cmocka_unit_test(what_is_not_said_stays),
        cmocka_unit_test(each_mistake_has_its_place),
        cmocka_unit_test(names_are_those_of_the_table),
    };

    return cmocka_run_group_tests_name("yaml section", tests, NULL, NULL);
}
