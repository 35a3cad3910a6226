/* How far the first pass over the guests of a source is, with a source and a clock that
 * do what the test says. */
#include "poll/first_pass.h"

#include "poll/watch.h"
#include "unit/poll/world.h"

static void
test_the_first_pass_waits_for_the_answers(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    assert_false(has_passed(&world));
    announce(false);
    come_up();
    assert_string_equal(await_call(&world), "guest-get-vcpus");
    assert_false(has_passed(&world));
    answer("{\"return\":[{\"logical-id\":0,\"online\":true}]}");
    assert_true(has_passed(&world));
    assert_true(watch_all_answered(world.watch));
    close_world(&world);
}

static void
lacks(const struct world *world, const char *part)
{
    const char *why = watch_why_incomplete(world->watch);

    if (!why || !strstr(why, part))
        fail_msg("\"%s\" is not in: %s", part, why ? why : "(nothing lacks)");
}

static void
test_discovery_lacks_guests_until_all_were_asked(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "network");
    lacks(&world, "away");
    announce(false);
    come_up();
    assert_string_equal(await_call(&world), "guest-network-get-interfaces");
    lacks(&world, "not all guests");
    answer("{\"return\":[{\"name\":\"eth0\",\"ip-addresses\":[{\"ip-address\":"
           "\"10.0.0.1\",\"ip-address-type\":\"ipv4\",\"prefix\":8}]}]}");
    assert_null(watch_why_incomplete(world.watch));
    enable_only(&world, "vcpu");
    lacks(&world, "network is off");
    close_world(&world);
}

static void
test_discovery_lacks_guests_while_nobody_is_asked(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    watch_pause(world.watch, true);
    announce(false);
    come_up();
    assert_true(has_passed(&world));
    lacks(&world, "not all guests");
    close_world(&world);
}

/* A daemon that hangs lets nobody in, and does not say so either. */
static void
test_a_source_that_says_nothing_is_not_waited_for_without_end(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    assert_false(has_passed(&world));
    assert_false(watch_has_passed(world.watch, clock_monotonic_ns() + 50 * S));
    assert_true(watch_has_passed(world.watch, clock_monotonic_ns() + 70 * S));
    assert_false(watch_all_answered(world.watch));
    close_world(&world);
}

static void
test_a_call_that_hangs_does_not_hold_up_the_first_pass_for_ever(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    await_call(&world);
    assert_false(watch_has_passed(world.watch, clock_monotonic_ns() + 50 * S));
    assert_true(watch_has_passed(world.watch, clock_monotonic_ns() + 70 * S));
    close_world(&world);
}

/* Its answers, however many, are no reason to wait longer for it. */
static void
test_a_guest_that_always_answers_does_not_hold_up_the_first_pass(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    for (int answered = 0; answered < 2; answered++) {
        await_call(&world);
        hand_clock_pass(25 * S);
        assert_false(has_passed(&world));
        answer("{\"return\": 1}");
    }
    await_call(&world);
    assert_false(has_passed(&world));
    hand_clock_pass(11 * S);
    assert_true(has_passed(&world));
    /* Nor are they one to wait longer for others. */
    answer("{\"return\": 1}");
    announce_other();
    assert_false(has_passed(&world));
    hand_clock_pass(50 * S);
    assert_true(has_passed(&world));
    close_world(&world);
}

static void
test_a_guest_that_is_asked_nothing_is_not_waited_for(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, NULL);
    announce(false);
    come_up();
    assert_true(has_passed(&world));
    close_world(&world);
}

/* Each time everything is due anew, after a moment: it would never be through. */
static void
test_an_agent_that_comes_and_goes_is_not_waited_for(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    assert_false(has_passed(&world));
    announce(true);
    assert_true(has_passed(&world));
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_pass_waits_for_the_answers),
        cmocka_unit_test(test_discovery_lacks_guests_until_all_were_asked),
        cmocka_unit_test(test_discovery_lacks_guests_while_nobody_is_asked),
        cmocka_unit_test(test_a_source_that_says_nothing_is_not_waited_for_without_end),
        cmocka_unit_test(
            test_a_call_that_hangs_does_not_hold_up_the_first_pass_for_ever),
        cmocka_unit_test(
            test_a_guest_that_always_answers_does_not_hold_up_the_first_pass),
        cmocka_unit_test(test_a_guest_that_is_asked_nothing_is_not_waited_for),
        cmocka_unit_test(test_an_agent_that_comes_and_goes_is_not_waited_for),
    };

    return cmocka_run_group_tests_name("first pass", tests, NULL, NULL);
}
