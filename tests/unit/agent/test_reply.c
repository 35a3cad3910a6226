/* The envelope: what is a reply, and what its errors mean. */
#include "agent/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT ((size_t)64 * 1024)

static enum failure_kind
kind_of(const char *bytes)
{
    struct failure why = {0};
    json_t *value = reply_parse(bytes, strlen(bytes), LIMIT, &why);

    assert_int_equal(!value, why.kind != FAILURE_NONE);
    if (!value)
        assert_true(strlen(why.text) > 0);
    json_decref(value);
    return why.kind;
}

static void
test_return_is_handed_over(void **state)
{
    struct failure why = {0};
    json_t *value = reply_parse("{\"return\": {\"a\": 1}}", 20, LIMIT, &why);

    (void)state;
    assert_non_null(value);
    assert_int_equal(json_integer_value(json_object_get(value, "a")), 1);
    json_decref(value);
    assert_int_equal(kind_of("{\"return\": null}"), FAILURE_NONE);
    assert_int_equal(kind_of("{\"id\": 7, \"return\": []}\n"), FAILURE_NONE);
}

static void
test_what_is_no_reply_is_malformed(void **state)
{
    const char *const malformed[] = {
        "",
        "hello",
        "{\"return\": 1",
        "[{\"return\": 1}]",
        "7",
        "{}",
        "{\"return\": 1} trailing",
        "{\"return\": 1, \"return\": 2}",
        "{\"return\": 1}\xff",
        "{\"return\": \xff}",
        "{\"return\": \"\\u00\"}",
        "{\"return\": 1e999e}",
        "{\"\\u0000\": 1, \"\\ud800\": 2}", /* one and the same */
        "{\"error\": 7}",
        "{\"error\": [\"class\"]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(kind_of(malformed[i]), FAILURE_MALFORMED);
}

/* What is odd costs itself: the rest of the reply stays as it is. */
static void
test_bytes_that_are_no_utf8(void **state)
{
    const char *reply =
        "{\"return\": [\"\xc3\", \"a\xff\xfe\", \"\xc3\xa4\", 18446744073709551615]}";
    struct failure why = {0};
    json_t *value = reply_parse(reply, strlen(reply), LIMIT, &why);

    (void)state;
    assert_int_equal(why.kind, FAILURE_NONE);
    assert_int_equal(json_array_size(value), 4);
    assert_string_equal(json_string_value(json_array_get(value, 0)), "\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_array_get(value, 1)),
                        "a\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_array_get(value, 2)), "\xc3\xa4");
    assert_true(json_is_real(json_array_get(value, 3)));
    json_decref(value);

    /* A NUL would end the text before its end. */
    static const char cut[] = "{\"return\": 1}\0\xff";

    assert_null(reply_parse(cut, sizeof(cut) - 1, LIMIT, &why));
    assert_int_equal(why.kind, FAILURE_MALFORMED);
}

static void
test_what_is_mended(void **state)
{
    const char *reply = "{\"return\": {\"a\": \"x\\u0000y\", \"b\": 1e400, \"c\": 7, "
                        "\"d\": 18446744073709551615}}";
    struct failure why = {0};
    json_t *value = reply_parse(reply, strlen(reply), LIMIT, &why);

    (void)state;
    assert_int_equal(why.kind, FAILURE_NONE);
    assert_string_equal(json_string_value(json_object_get(value, "a")),
                        "x\xef\xbf\xbdy");
    assert_true(json_is_array(json_object_get(value, "b")));
    assert_true(json_number_value(json_object_get(value, "c")) == 7);
    assert_true(json_number_value(json_object_get(value, "d")) > 1.8e19);
    json_decref(value);
}

static void
test_large_integers_become_reals(void **state)
{
    const char *reply = "{\"return\": [18446744073709551615, 7]}";
    struct failure why = {0};
    json_t *value = reply_parse(reply, strlen(reply), LIMIT, &why);

    (void)state;
    assert_non_null(value);
    assert_true(json_is_real(json_array_get(value, 0)));
    assert_true(json_number_value(json_array_get(value, 0)) > 1.8e19);
    json_decref(value);
}

static void
test_limits(void **state)
{
    char *bytes = malloc(LIMIT + 64);

    (void)state;
    /* Deep: refused before the parser recurses. */
    memset(bytes, '[', 10000);
    memset(bytes + 10000, ']', 10000);
    bytes[20000] = '\0';
    assert_int_equal(kind_of(bytes), FAILURE_TOO_LARGE);
    /* Brackets in a string are text, after an escaped quote too. */
    strcpy(bytes, "{\"return\": \"\\\"");
    memset(bytes + strlen(bytes), '[', 100);
    strcpy(bytes + 114, "\"}");
    assert_int_equal(kind_of(bytes), FAILURE_NONE);
    /* Long. */
    memset(bytes, ' ', LIMIT + 1);
    bytes[LIMIT + 1] = '\0';
    assert_int_equal(kind_of(bytes), FAILURE_TOO_LARGE);
    free(bytes);
}

/* Numbers that are mended become several values each, and count as such. */
static void
test_what_is_mended_is_within_the_limit(void **state)
{
    enum { VALUES_MAX = 262144, OF_EACH = 3 };
    static const char before[] = "{\"return\": [", number[] = "1e999";
    const size_t counts[] = {VALUES_MAX / OF_EACH - 2, VALUES_MAX / OF_EACH + 1,
                             VALUES_MAX - 2};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct failure why = {0};
        size_t length = sizeof(before) - 1 + counts[i] * sizeof(number) + 1;
        char *bytes = malloc(length + 1), *at = bytes + sizeof(before) - 1;

        memcpy(bytes, before, sizeof(before));
        for (size_t j = 0; j < counts[i]; j++, at += sizeof(number)) {
            memcpy(at, number, sizeof(number));
            at[sizeof(number) - 1] = ',';
        }
        memcpy(at - 1, "]}", 3);
        json_t *value = reply_parse(bytes, strlen(bytes), length, &why);

        assert_int_equal(!value, i > 0);
        assert_int_equal(why.kind, i > 0 ? FAILURE_TOO_LARGE : FAILURE_NONE);
        json_decref(value);
        free(bytes);
    }
}

static void
test_error_texts_of_all_generations(void **state)
{
    static const struct {
        const char *error_class, *description;
        enum failure_kind kind;
    } errors[] = {
        {"CommandNotFound", "The command guest-x has not been found",
         FAILURE_UNSUPPORTED},
        {"", "The command guest-x has not been found", FAILURE_UNSUPPORTED},
        {"GenericError", "this feature or command is not currently supported",
         FAILURE_UNSUPPORTED},
        {"CommandNotFound", "whatever it says", FAILURE_UNSUPPORTED},
        {"GenericError", "The command guest-x has been disabled for this instance",
         FAILURE_DISABLED},
        {"CommandNotFound", "Command guest-x has been disabled", FAILURE_DISABLED},
        {"CommandNotFound",
         "Command guest-x has been disabled: the command is not allowed",
         FAILURE_DISABLED},
        {"CommandNotFound",
         "Command guest-x has been disabled: the agent is in frozen state",
         FAILURE_FROZEN},
        {"GenericError", "failed to open /proc/x: No such file", FAILURE_AGENT_ERROR},
    };
    char bytes[512];

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct failure why = {0};

        reply_error(errors[i].error_class, errors[i].description, &why);
        assert_int_equal(why.kind, errors[i].kind);
        snprintf(bytes, sizeof(bytes),
                 "{\"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}",
                 errors[i].error_class, errors[i].description);
        assert_int_equal(kind_of(bytes), errors[i].kind);
    }
    assert_int_equal(kind_of("{\"error\": {}}"), FAILURE_AGENT_ERROR);
}

static enum failure_kind
kind_of_file(const char *path)
{
    char bytes[512];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    bytes[fread(bytes, 1, sizeof(bytes) - 1, file)] = '\0';
    fclose(file);
    return kind_of(bytes);
}

/* What real agents have said (tests/lab/record). */
static void
test_recorded_errors(void **state)
{
    static const struct {
        const char *agent;
        enum failure_kind frozen; /* what the word for it is there */
    } agents[] = {
        {"5.2", FAILURE_DISABLED},
        {"7.2", FAILURE_FROZEN},
        {"10.0", FAILURE_DISABLED},
        {"11.1", FAILURE_DISABLED},
    };
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
#define RECORDED(what)                                                                 \
    (snprintf(path, sizeof(path), "tests/fixtures/recorded/error-%s/qga-%s.json",      \
              what, agents[i].agent),                                                  \
     kind_of_file(path))
        assert_int_equal(RECORDED("frozen"), agents[i].frozen);
        assert_int_equal(RECORDED("disabled"), FAILURE_DISABLED);
        assert_int_equal(RECORDED("unknown-command"), FAILURE_UNSUPPORTED);
#undef RECORDED
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_return_is_handed_over),
        cmocka_unit_test(test_what_is_no_reply_is_malformed),
        cmocka_unit_test(test_bytes_that_are_no_utf8),
        cmocka_unit_test(test_what_is_mended),
        cmocka_unit_test(test_large_integers_become_reals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_what_is_mended_is_within_the_limit),
        cmocka_unit_test(test_error_texts_of_all_generations),
        cmocka_unit_test(test_recorded_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
