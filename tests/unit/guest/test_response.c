/* What the end of a call says of the agent. */
#include "guest/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_each_kind(void **state)
{
    (void)state;
    assert_int_equal(response_of(FAILURE_NONE), RESPONSE_ANSWERED);
    assert_int_equal(response_of(FAILURE_ABSENT), RESPONSE_NONE);
    assert_int_equal(response_of(FAILURE_DISCONNECTED), RESPONSE_NONE);
    assert_int_equal(response_of(FAILURE_TIMEOUT), RESPONSE_NONE);
    assert_int_equal(response_of(FAILURE_UNSUPPORTED), RESPONSE_REFUSED);
    assert_int_equal(response_of(FAILURE_DISABLED), RESPONSE_REFUSED);
    assert_int_equal(response_of(FAILURE_FROZEN), RESPONSE_FROZEN);
    assert_int_equal(response_of(FAILURE_BUSY), RESPONSE_OCCUPIED);
    assert_int_equal(response_of(FAILURE_HELD), RESPONSE_NONE);
    assert_int_equal(response_of(FAILURE_AGENT_ERROR), RESPONSE_REFUSED);
    assert_int_equal(response_of(FAILURE_MALFORMED), RESPONSE_GARBLED);
    assert_int_equal(response_of(FAILURE_WRONG_SHAPE), RESPONSE_REFUSED);
    assert_int_equal(response_of(FAILURE_TOO_LARGE), RESPONSE_REFUSED);
    assert_int_equal(response_of(FAILURE_DENIED), RESPONSE_NONE);
    assert_int_equal(response_of(FAILURE_NOT_RUNNING), RESPONSE_OCCUPIED);
    assert_int_equal(response_of(FAILURE_UNAVAILABLE), RESPONSE_OCCUPIED);
}

static void
test_what_only_an_agent_can_say(void **state)
{
    (void)state;
    assert_true(response_is_agents(FAILURE_NONE));
    assert_true(response_is_agents(FAILURE_AGENT_ERROR));
    assert_true(response_is_agents(FAILURE_FROZEN));
    assert_true(response_is_agents(FAILURE_MALFORMED));
    assert_true(response_is_agents(FAILURE_WRONG_SHAPE));
    assert_true(response_is_agents(FAILURE_TOO_LARGE));
    assert_false(response_is_agents(FAILURE_TIMEOUT));
    assert_false(response_is_agents(FAILURE_DENIED));
    assert_false(response_is_agents(FAILURE_BUSY));
    assert_false(response_is_agents(FAILURE_UNAVAILABLE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_what_only_an_agent_can_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
