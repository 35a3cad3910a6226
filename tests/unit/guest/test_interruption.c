/* How long a backup, or another client, is believed to be the reason. */
#include "guest/interruption.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void
test_it_lasts_until_an_answer(void **state)
{
    static const struct {
        enum failure_kind kind;
        bool of_freeze;
        bool ends;
    } cases[] = {
        {FAILURE_NONE, false, true},
        {FAILURE_DISABLED, false, true},
        {FAILURE_AGENT_ERROR, false, true},
        {FAILURE_NONE, true, false}, /* that it is thawed is no answer to the rest */
        {FAILURE_BUSY, false, false},
        {FAILURE_FROZEN, false, false},
        {FAILURE_TIMEOUT, false, false},
        {FAILURE_UNAVAILABLE, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct interruption interruption = {0};
        int64_t now_ns = 1000 * S + INTERRUPTION_MAX_NS;

        interruption_take(&interruption, FAILURE_BUSY, false, 1000 * S);
        interruption_take(&interruption, cases[i].kind, cases[i].of_freeze, 1001 * S);
        assert_false(interruption_is_too_long(&interruption, now_ns));
        assert_int_equal(interruption_is_too_long(&interruption, now_ns + 1),
                         !cases[i].ends);
    }
}

static void
test_what_was_none_is_not_too_long(void **state)
{
    struct interruption interruption = {0};

    (void)state;
    interruption_take(&interruption, FAILURE_NONE, false, 1000 * S);
    interruption_take(&interruption, FAILURE_TIMEOUT, false, 1000 * S);
    assert_false(interruption_is_too_long(&interruption, 99999 * S));
}

/* It says that it is thawed, by a word since then, and refuses all else as frozen. */
static void
test_a_contradiction(void **state)
{
    static const struct {
        struct freeze freeze;
        bool contradicts;
    } cases[] = {
        {{.thawed_ns = 1002 * S}, true},
        {{.thawed_ns = 1000 * S}, false}, /* before: it may have been frozen since */
        {{.thawed_ns = 0}, false},        /* not asked */
        {{.thawed_ns = 1002 * S, .cannot_tell = true}, false},
        {{.thawed_ns = 1002 * S, .frozen = true}, false},
    };
    struct interruption interruption = {0};

    (void)state;
    interruption_take(&interruption, FAILURE_FROZEN, false, 1001 * S);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t now_ns = 1001 * S + CONTRADICTION_MAX_NS;

        assert_false(interruption_contradicts(&interruption, &cases[i].freeze, now_ns));
        assert_int_equal(
            interruption_contradicts(&interruption, &cases[i].freeze, now_ns + 1),
            cases[i].contradicts);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_lasts_until_an_answer),
        cmocka_unit_test(test_what_was_none_is_not_too_long),
        cmocka_unit_test(test_a_contradiction),
    };

    return cmocka_run_group_tests_name("interruption", tests, NULL, NULL);
}
