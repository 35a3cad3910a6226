/* Scalars as values, and how they are spelled. */
#include "unit/yaml_text.h"
#include "yaml/value.h"

#define NS_PER_S INT64_C(1000000000)

static void
check_duration(const char *text, int64_t wanted_ns)
{
    struct tree_node *root = yaml_load(text);
    int64_t ns = -2;

    if (value_read_duration(root, 0, INT64_MAX, &ns, &yaml_why) < 0)
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
    struct tree_node *root = yaml_load(text);
    int64_t bytes = -2;

    if (value_read_bytes(root, 0, INT64_MAX, &bytes, &yaml_why) < 0)
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
    struct tree_node *root =
        yaml_load("[0, 7, 9223372036854775807, 9223372036854775808, "
                  "'7', 07, 0x7, 1_0, 1e3, -7, +7]");
    static const int64_t wanted[] = {0, 7, INT64_MAX};
    for (const struct tree_node *node = root->first; node; node = node->next) {
        int64_t number = -1;
        int result = value_read_integer(node, 0, INT64_MAX, &number, &yaml_why);

        assert_int_equal(result, node->index < 3 ? 0 : -1);
        if (result == 0)
            assert_true(number == wanted[node->index]);
    }
    tree_free(root);
}

static void
choices_and_booleans(void **state)
{
    static const char *const names[] = {"NoClientCert", "RequestClientCert", NULL};
    struct tree_node *root = yaml_load(
        "[RequestClientCert, NoCleintCert, x, true, false, 'true', True, yes]");
    const struct tree_node *node = root->first;
    size_t index;
    bool value;

    (void)state;
    assert_int_equal(value_read_choice(node, names, &index, &yaml_why), 0);
    assert_int_equal(index, 1);
    node = node->next;
    assert_int_equal(value_read_choice(node, names, &index, &yaml_why), -1);
    assert_string_equal(yaml_sentence(), "1: [1]: \"NoCleintCert\" is unknown; did you "
                                         "mean \"NoClientCert\"?");
    node = node->next;
    assert_int_equal(value_read_choice(node, names, &index, &yaml_why), -1);
    assert_string_equal(yaml_sentence(), "1: [2]: \"x\" is unknown; known are: "
                                         "NoClientCert, RequestClientCert");
    node = node->next;
    assert_int_equal(value_read_bool(node, &value, &yaml_why), 0);
    assert_true(value);
    node = node->next;
    assert_int_equal(value_read_bool(node, &value, &yaml_why), 0);
    assert_false(value);
    for (node = node->next; node; node = node->next)
        assert_int_equal(value_read_bool(node, &value, &yaml_why), -1);
    tree_free(root);
}

/* The bounds belong to the range. */
static void
ranges_are_inclusive(void **state)
{
    struct tree_node *root = yaml_load("[3, 7, 2, 8, 1s, 2s, 999ms, 2KiB, 1KiB]");
    const struct tree_node *node = root->first;
    static const bool fits[] = {true, true,  false, false, true,
                                true, false, true,  false};
    int64_t value;

    (void)state;
    for (; node; node = node->next) {
        int result =
            node->index < 4 ? value_read_integer(node, 3, 7, &value, &yaml_why)
            : node->index < 7
                ? value_read_duration(node, NS_PER_S, 2 * NS_PER_S, &value, &yaml_why)
                : value_read_bytes(node, 2048, 2048, &value, &yaml_why);

        assert_int_equal(result, fits[node->index] ? 0 : -1);
        if (result < 0)
            assert_non_null(strstr(yaml_why.text, " is out of range; write a "));
    }
    tree_free(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_durations_read_back),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(choices_and_booleans),
        cmocka_unit_test(ranges_are_inclusive),
    };

    return cmocka_run_group_tests_name("yaml value", tests, NULL, NULL);
}
