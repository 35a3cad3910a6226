/* Guests whose definition libvirt does not tell: whether they are asked. */
#include "poll/watch.h"

#include "unit/poll/world.h"

static void
announce_channel(int64_t incarnation, enum channel_state channel, const char *error,
                 bool opted_out)
{
    const struct guest_facts facts = {
        .key = "k",
        .name = "web-1",
        .uuid = "",
        .incarnation = incarnation,
        .channel = channel,
        .definition_error = error,
        .opted_out = opted_out,
    };

    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
}

/* It may say to leave the guest alone: nobody is asked, and nobody waited for. */
static void
test_a_guest_without_definition_is_not_asked(void **state)
{
    static const char *const errors[] = {NULL, "libvirt: access denied"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world world;

        open_world(&world);
        announce_channel(1, CHANNEL_UNKNOWN, errors[i], false);
        come_up();
        assert_true(has_passed(&world));
        assert_false(watch_all_answered(world.watch));
        state_is(&world, clock_monotonic_ns(), AGENT_UNKNOWN);
        assert_false(comes_a_call(&world, TURNS_MAX));
        announce_channel(1, CHANNEL_CONNECTED, NULL, i == 0);
        assert_int_equal(comes_a_call(&world, TURNS_MAX), i == 1);
        close_world(&world);
    }
}

/* More than until the collector's next turn. */
#define INTERVAL_NS (1000 * S)

static bool
is_asked_again(struct world *world)
{
    size_t guests_by_state[AGENT_STATES] = {0};

    answer("{\"return\":[{\"logical-id\":0,\"online\":true}]}");
    hand_clock_pass(INTERVAL_NS);
    watch_review(world->watch, clock_monotonic_ns(), guests_by_state);
    return the_source.call;
}

/* A definition that does not come says nothing against the one before, of the same
 * domain; one that may not be read any more does. */
static void
test_what_was_known_of_a_guest_still_holds(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce_channel(1, CHANNEL_CONNECTED, NULL, false);
    come_up();
    await_call(&world);
    announce_channel(1, CHANNEL_UNKNOWN, NULL, false);
    assert_true(is_asked_again(&world));
    announce_channel(1, CHANNEL_UNKNOWN, "libvirt: access denied", false);
    assert_false(is_asked_again(&world));
    announce_channel(1, CHANNEL_CONNECTED, NULL, false);
    (void)await_call(&world);
    announce_channel(2, CHANNEL_UNKNOWN, NULL, false); /* it has started anew */
    assert_false(is_asked_again(&world));
    state_is(&world, clock_monotonic_ns(), AGENT_UNKNOWN);
    close_world(&world);
}

static void
test_a_guest_that_is_left_alone_still_is(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce_channel(1, CHANNEL_CONNECTED, NULL, true);
    come_up();
    announce_channel(1, CHANNEL_UNKNOWN, NULL, false);
    assert_false(comes_a_call(&world, TURNS_MAX));
    assert_true(watch_all_answered(world.watch)); /* nobody wanted it to */
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guest_without_definition_is_not_asked),
        cmocka_unit_test(test_what_was_known_of_a_guest_still_holds),
        cmocka_unit_test(test_a_guest_that_is_left_alone_still_is),
    };

    return cmocka_run_group_tests_name("definitions of guests", tests, NULL, NULL);
}
