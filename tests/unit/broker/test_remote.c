/* Either end begins anew, and the other goes on with what it has. */
#include "broker/remote.h"

#include "unit/broker/both_ends.h"

static void
test_who_asks_begins_anew(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_CONNECTED);

    start_remote(world);
    facts.just_started = true;
    announce(&facts);
    the_source->listener->source_up(the_source->listener->context, the_source);
    ask(world, "guest-get-time");
    assert_int_equal(world->heard.answers, 0);
    world->heard.story[0] = '\0';
    remote_connect(&world->loop, serve_anew(world)); /* as another process would */
    settle(world);
    assert_int_equal(sources_count, 1); /* it goes on */
    assert_int_equal(the_source->stops, 0);
    assert_int_equal(world->heard.answers, 1);
    assert_int_equal(world->heard.answer.failure.kind, FAILURE_UNAVAILABLE);
    assert_non_null(strstr(world->heard.story, "seen:web up")); /* no news */
    reply_and_tick(world, "{}");                                /* for nobody */
    assert_int_equal(world->heard.answers, 1);
    ask(world, "guest-get-time");
    reply_and_tick(world, "{}");
    assert_int_equal(world->heard.answers, 2);
}

/* Its definition was read, and is on its way again. */
static void
test_who_asks_begins_anew_in_between(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_UNKNOWN);

    start_remote(world);
    facts.definition_xml =
        "<domain><devices><channel type='unix'><target type='virtio' "
        "name='org.qemu.guest_agent.0' "
        "state='connected'/></channel></devices></domain>";
    announce(&facts);
    facts.definition_xml = NULL;
    facts.domain = DOMAIN_PAUSED;
    announce(&facts);
    settle(world);
    remote_connect(&world->loop, serve_anew(world));
    settle(world);
    assert_int_equal(world->heard.facts.channel, CHANNEL_CONNECTED);
    assert_int_equal(world->heard.facts.domain, DOMAIN_PAUSED);
    facts.incarnation++; /* another machine's is not its own */
    announce(&facts);
    remote_connect(&world->loop, serve_anew(world));
    settle(world);
    assert_int_equal(world->heard.facts.channel, CHANNEL_UNKNOWN);
}

static void
test_a_guest_goes_and_comes_while_it_is_asked(void **state)
{
    struct world *world = *state;
    const struct guest_facts facts = facts_of(CHANNEL_CONNECTED);

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    ask(world, "guest-get-time");
    the_source->listener->guest_gone(the_source->listener->context, the_source, KEY);
    settle(world);
    expect_refusal(world, FAILURE_NOT_RUNNING);
    announce(&facts);
    settle(world);
    expect_refusal(world, FAILURE_BUSY);
    reply_and_tick(world, "{}");
    ask(world, "guest-get-time");
    the_source->listener->guest_gone(the_source->listener->context, the_source, KEY);
    settle(world);
    reply_and_tick(world, "{}");
    assert_int_equal(the_source->calls, 2);
}

static void
test_the_broker_is_away(void **state)
{
    struct world *world = *state;
    int far_end;

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    ask(world, "guest-get-time");
    far_end = serve_anew(world); /* somebody else has it */
    settle(world);
    assert_non_null(strstr(world->heard.story, "down:the process that asks guests"));
    assert_int_equal(world->heard.answers, 1);
    ask(world, "guest-get-time");
    hand_clock_pass(MAILBOX_TICK_NS);
    settle(world);
    assert_int_equal(world->heard.answers, 2);
    assert_int_equal(world->heard.answer.failure.kind, FAILURE_UNAVAILABLE);
    (void)close(far_end);
    settle(world);
    assert_int_equal(world->desertions, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        IN_A_WORLD(test_who_asks_begins_anew),
        IN_A_WORLD(test_who_asks_begins_anew_in_between),
        IN_A_WORLD(test_a_guest_goes_and_comes_while_it_is_asked),
        IN_A_WORLD(test_the_broker_is_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
