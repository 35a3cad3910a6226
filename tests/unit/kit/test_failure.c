/* Failures: their texts are cut, their kinds have names. */
#include "kit/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
a_failure_is_cut_at_a_character(void **state)
{
    struct failure why;
    char text[FAILURE_TEXT_BYTES + 44];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + FAILURE_TEXT_BYTES - 3, "\xf0\x9f\x98\x80", 5);
    failure_set(&why, FAILURE_TIMEOUT, "%s", text);
    assert_int_equal(strlen(why.text), FAILURE_TEXT_BYTES - 3);
    memset(text, 'a', sizeof(text));
    memcpy(text + FAILURE_TEXT_BYTES - 3, "\xc3\xa4zz", 5);
    failure_set(&why, FAILURE_TIMEOUT, "%s", text);
    assert_int_equal(strlen(why.text), FAILURE_TEXT_BYTES - 1);
    failure_set(&why, FAILURE_TIMEOUT, "short \xc3");
    assert_string_equal(why.text, "short \xc3");
}

/* The text may have been the last failure's. */
static void
a_failure_may_quote_itself(void **state)
{
    struct failure why;

    (void)state;
    failure_set(&why, FAILURE_TIMEOUT, "late");
    failure_set(&why, FAILURE_BUSY, "%s, then busy", why.text);
    assert_string_equal(why.text, "late, then busy");
    assert_int_equal(why.kind, FAILURE_BUSY);
}

static void
kinds_have_names(void **state)
{
    (void)state;
    for (int kind = 0; kind < FAILURE_KINDS; kind++)
        assert_non_null(failure_kind_name((enum failure_kind)kind));
    assert_string_equal(failure_kind_name(FAILURE_AGENT_ERROR), "agent_error");
    assert_string_equal(failure_kind_name(FAILURE_KINDS), "none");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_cut_at_a_character),
        cmocka_unit_test(a_failure_may_quote_itself),
        cmocka_unit_test(kinds_have_names),
    };

    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
