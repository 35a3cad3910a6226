/* What is mended, and what it becomes. */
#include "agent/mend.h"

#include "kit/guest_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FFFD "\xef\xbf\xbd"

static const struct {
    const char *text, *mended; /* NULL: it stays as it is */
} cases[] = {
    {"", NULL},
    {"{\"return\": [\"a\\\\u0000\", \"\\\"\", -1.5e300, 18446744073709551615]}", NULL},
    /* Bytes. */
    {"\"a\xff\xfe\"", "\"a" FFFD FFFD "\""},
    {"\xc3\xa4\xc3", "\xc3\xa4" FFFD},
    /* Escapes. */
    {"\"\\u0000\"", "\"\\ufffd\""},
    {"{\"a\\u0000b\":1}", "{\"a\\ufffdb\":1}"},
    {"\"\\u0001\\u00e4\\uD7FF\\uE000\\uffff\"", NULL},
    {"\"\\ud83d\\udE00\"", NULL},
    {"\"\\ud83d\"", "\"\\ufffd\""},
    {"\"\\ud83d\\n\"", "\"\\ufffd\\n\""},
    {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
    {"\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\""},
    {"\"\\ud83d\\u0000\"", "\"\\ufffd\\ufffd\""},
    {"\"\\\\\\u0000\"", "\"\\\\\\ufffd\""},
    /* ... that are none, and what is no string. */
    {"\"\\u000\"", NULL},
    {"\"\\u00g0\"", NULL},
    {"\"\\", NULL},
    {"\"\\ud83d", "\"\\ufffd"},
    {"\\u0000", NULL},
    {"\"a\" \\u0000 \"\\u0000\"", "\"a\" \\u0000 \"\\ufffd\""},
    /* Numbers. */
    {"1e400", "[[]] "},
    {"[-1e309,1E+999,7]", "[[[]]  ,[[]]  ,7]"},
    {"1e308", NULL},
    {"1e-400", NULL},
    {"1e99", NULL},
    {"\"1e400\"", NULL},
    {"1e999e", NULL},
    {"0x1p99999", NULL},
    {"-infinity", NULL},
};

static void
test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].text);
        /* Without a NUL, so that a sanitizer sees a read past the end. */
        char *bytes = malloc(length + 1), *mended;

        memcpy(bytes, cases[i].text, length);
        bytes = realloc(bytes, length > 0 ? length : 1);
        mended = mend_json(bytes, length);
        if (!cases[i].mended)
            assert_null(mended);
        else if (!mended)
            fail_msg("%s is not mended", cases[i].text);
        else
            assert_string_equal(mended, cases[i].mended);
        free(mended);
        free(bytes);
    }
}

static void
test_a_nul_is_not_mended(void **state)
{
    (void)state;
    assert_null(mend_json("\0\"\\u0000\"", 9));
    assert_null(mend_json("\"\xff\"\0", 4));
}

/* However long it is. */
static void
test_an_integer_of_many_digits(void **state)
{
    enum { DIGITS = 1 << 20 };
    char *bytes = malloc(DIGITS);

    (void)state;
    memset(bytes, '9', DIGITS);
    char *mended = mend_json(bytes, DIGITS);

    assert_non_null(mended);
    assert_memory_equal(mended, GUEST_JSON_TOO_LARGE " ", sizeof(GUEST_JSON_TOO_LARGE));
    assert_int_equal(strlen(mended), DIGITS);
    free(mended);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_a_nul_is_not_mended),
        cmocka_unit_test(test_an_integer_of_many_digits),
    };

    return cmocka_run_group_tests_name("mend", tests, NULL, NULL);
}
