/* What a source says and what is asked of it, through both ends; and what the broker
 * does not do. */
#include "broker/broker.h"

#include "unit/broker/both_ends.h"

static void
test_a_call_and_its_answer(void **state)
{
    struct world *world = *state;

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    assert_string_equal(world->heard.story, "seen:web up ");
    assert_true(the_source->config.libvirt.leaves_xml);
    ask(world, "guest-get-time");
    assert_string_equal(the_source->asked, "guest-get-time ");
    assert_int_equal(world->heard.answers, 0);
    reply_and_tick(world, "{\"return\":1}");
    assert_int_equal(world->heard.answers, 1);
    assert_string_equal(world->heard.answer.reply, "{\"return\":1}");
    assert_int_equal(world->heard.answer.reply_length, 12);
    assert_int_equal(world->heard.answer.failure.kind, FAILURE_NONE);
    assert_true(world->heard.answer.qemu_hangs);
    assert_int_equal(world->heard.answer.sent_ns, 11);
    assert_int_equal(world->heard.answer.received_ns, 22);
    assert_int_equal(world->heard.answer.sent_mono_ns, 33);
    assert_int_equal(world->heard.answer.received_mono_ns, 44);
}

static void
test_all_that_is_told(void **state)
{
    struct world *world = *state;
    const struct guest_event event = {.kind = GUEST_IO_ERROR, .disk = "vda"};
    const struct balloon balloon = {.has[BALLOON_FREE] = true, .read_ns = 5};

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    const struct source_listener *listener = the_source->listener;

    listener->guest_event(listener->context, the_source, KEY, &event);
    listener->balloon_told(listener->context, the_source, KEY, &balloon);
    listener->balloons_told(listener->context, the_source);
    listener->guest_gone(listener->context, the_source, KEY);
    listener->source_down(listener->context, the_source, "the daemon is away");
    settle(world);
    assert_string_equal(
        world->heard.story,
        "seen:web up event balloon balloons gone down:the daemon is away ");
    assert_memory_equal(&world->heard.event, &event, sizeof(event));
    assert_memory_equal(&world->heard.balloon, &balloon, sizeof(balloon));
    struct source_capacity told =
        remote_drivers[SOURCE_LIBVIRT]->capacity(world->source);

    assert_int_equal(told.lanes, 7);
    assert_int_equal(told.calls, 9);
}

/* The XML is parsed on the side that asks for nothing. */
static void
test_definitions(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_UNKNOWN);

    start_remote(world);
    facts.definition_xml =
        "<domain><title>T</title><devices><channel type='unix'><target type='virtio' "
        "name='org.qemu.guest_agent.0' "
        "state='connected'/></channel></devices></domain>";
    announce(&facts);
    settle(world);
    assert_int_equal(world->heard.facts.channel, CHANNEL_CONNECTED);
    assert_string_equal(domain_facts_title(world->heard.definition), "T");
    const struct domain_facts *first = world->heard.definition;

    announce(&facts); /* the same is not read again */
    settle(world);
    assert_ptr_equal(world->heard.definition, first);
    facts.definition_xml = "<domain";
    announce(&facts);
    settle(world);
    assert_int_equal(world->heard.facts.channel, CHANNEL_UNKNOWN);
    assert_string_equal(world->heard.story, "seen:web seen:web seen:web? ");
}

static void
test_facts_cross_whole(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_CONNECTED);
    struct domain_facts *definition = domain_facts_new();

    domain_facts_add_nic(
        definition,
        &(struct host_nic){.mac = "m", .target = "t", .network = "n", .model = "o"});
    domain_facts_add_disk(definition,
                          &(struct host_disk){.target = "vda",
                                              .source = "s",
                                              .serial = "x",
                                              .place = {"0000:00:06.0", 1, 2, 3}});
    domain_facts_add_metadata(definition, "ns", "a/b", "c");
    definition->digest = 77;
    definition->vcpus = (struct domain_range){2, 4};
    facts.definition = definition;
    facts.domain = DOMAIN_PAUSED;
    facts.pause = PAUSE_PANICKED;
    facts.just_started = facts.channel_is_shared = facts.opted_out = true;
    facts.socket = (struct socket_file){8, 9};
    facts.os_hint = "debian";
    start_remote(world);
    announce(&facts);
    settle(world);
    assert_int_equal(world->heard.facts.domain, DOMAIN_PAUSED);
    assert_int_equal(world->heard.facts.pause, PAUSE_PANICKED);
    assert_int_equal(world->heard.facts.incarnation, 3);
    assert_int_equal(world->heard.facts.socket.inode, 9);
    assert_true(world->heard.facts.just_started);
    assert_true(world->heard.facts.opted_out);
    assert_true(world->heard.facts.channel_is_shared);
    const struct domain_facts *read = world->heard.definition;

    assert_int_equal(read->digest, 77);
    assert_int_equal(read->vcpus.maximum, 4);
    assert_string_equal(read->host.nics[0].network, "n");
    assert_string_equal(read->host.disks[0].place.pci_address, "0000:00:06.0");
    assert_int_equal(read->host.disks[0].place.unit, 3);
    assert_string_equal(domain_facts_metadata(read, "ns", "a/b"), "c");
    domain_facts_unref(definition);
}

/* --- what the broker does not do --- */

static void
test_one_call_at_a_time(void **state)
{
    struct world *world = *state;

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    ask(world, "guest-get-time");
    expect_refusal(world, FAILURE_BUSY);
    assert_int_equal(the_source->calls, 1);
    reply_and_tick(world, "{}");
    ask(world, "guest-get-time");
    assert_int_equal(the_source->calls, 2);
    reply_and_tick(world, "{}");
}

/* Others get at the agent between two calls; a visit ends by itself. */
static void
test_a_gap_between_calls(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_CONNECTED);

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    ask(world, "guest-get-time");
    reply_and_tick(world, "{}");
    ask(world, "guest-get-time"); /* a tick is longer than the gap */
    reply(world, "{}");
    ask(world, "guest-get-vcpus");
    assert_int_equal(the_source->calls, 2);
    hand_clock_pass(BROKER_GAP_NS / 2);
    settle(world);
    assert_int_equal(the_source->calls, 2);
    hand_clock_pass(BROKER_GAP_NS / 2);
    settle(world);
    assert_int_equal(the_source->calls, 3);
    assert_string_equal(the_source->asked, "guest-get-vcpus ");
    reply_and_tick(world, "{}");

    facts.channel_is_shared = true;
    announce(&facts);
    ask(world, "guest-get-time");
    reply(world, "{}");
    ask(world, "guest-get-time");
    assert_int_equal(the_source->calls, 5);
    reply_and_tick(world, "{}");
}

/* Who was not to be asked any more when the gap was over is not. */
static void
test_the_gap_ends_too_late(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_CONNECTED);

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    ask(world, "guest-get-time");
    reply(world, "{}");
    ask(world, "guest-get-time");
    facts.opted_out = true;
    announce(&facts);
    leave_gap();
    settle(world);
    hand_clock_pass(MAILBOX_TICK_NS);
    settle(world);
    assert_int_equal(world->heard.answer.failure.kind, FAILURE_NOT_RUNNING);
    assert_int_equal(the_source->calls, 1);
}

static void
test_not_without_end(void **state)
{
    struct world *world = *state;
    unsigned int calls = 0;

    lanes = 1; /* somebody waits for it, so that all is told at once */
    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    for (; calls < BROKER_CALLS_BURST; calls++) {
        ask(world, "guest-get-time");
        reply(world, "{}");
        leave_gap();
    }
    for (; the_source->calls == calls; calls++) {
        assert_true(calls <= BROKER_CALLS_BURST + 1 +
                                 calls * BROKER_GAP_NS * BROKER_CALLS_PER_S / S);
        ask(world, "guest-get-time");
        if (the_source->call)
            reply(world, "{}");
        leave_gap();
    }
    calls = the_source->calls;
    expect_refusal(world, FAILURE_BUSY);
    hand_clock_pass(S);
    ask(world, "guest-get-time");
    assert_int_equal(the_source->calls, calls + 1);
    reply(world, "{}");
}

static void
test_guests_that_are_not_asked(void **state)
{
    struct world *world = *state;
    struct guest_facts facts = facts_of(CHANNEL_CONNECTED);

    start_remote(world);
    expect_refusal(world, FAILURE_NOT_RUNNING); /* nobody has announced it */
    announce(&facts);
    facts.opted_out = true;
    announce(&facts);
    settle(world);
    expect_refusal(world, FAILURE_NOT_RUNNING);
    facts = facts_of(CHANNEL_DISCONNECTED);
    announce(&facts);
    settle(world);
    expect_refusal(world, FAILURE_NOT_RUNNING);
    facts = facts_of(CHANNEL_UNKNOWN);
    announce(&facts);
    settle(world);
    expect_refusal(world, FAILURE_NOT_RUNNING); /* no definition, no consent */
    facts = facts_of(CHANNEL_CONNECTED);
    announce(&facts);
    facts = facts_of(CHANNEL_UNKNOWN);
    announce(&facts);
    settle(world);
    ask(world, "guest-get-time"); /* what was known holds */
    reply_and_tick(world, "{}");
    facts.definition_error = "denied";
    announce(&facts);
    settle(world);
    expect_refusal(world, FAILURE_NOT_RUNNING);
}

static void
test_sources_of_no_configuration(void **state)
{
    struct world *world = *state;

    allow(world, NULL);
    remote_connect(&world->loop, serve_anew(world));
    world->source = remote_drivers[SOURCE_LIBVIRT]->start(
        &world->config, &world->loop, world->mailbox, &world->listener);
    settle(world);
    assert_null(the_source);
    assert_non_null(strstr(world->heard.story, "down:the configuration has changed"));
    assert_int_equal(world->desertions, 0);
}

static void
test_the_rest(void **state)
{
    struct world *world = *state;

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    remote_drivers[SOURCE_SOCKET]->end_visit(world->source, KEY);
    remote_drivers[SOURCE_SOCKET]->end_visit(world->source, "nobody");
    settle(world);
    assert_int_equal(the_source->visits_ended, 1);
    (void)remote_drivers[SOURCE_LIBVIRT]->stop(world->source, 0);
    world->source = NULL;
    settle(world);
    assert_int_equal(the_source->stops, 0); /* it may be wanted again */
    allow(world, NULL);
    assert_int_equal(the_source->stops, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        IN_A_WORLD(test_a_call_and_its_answer),
        IN_A_WORLD(test_all_that_is_told),
        IN_A_WORLD(test_definitions),
        IN_A_WORLD(test_facts_cross_whole),
        IN_A_WORLD(test_one_call_at_a_time),
        IN_A_WORLD(test_a_gap_between_calls),
        IN_A_WORLD(test_the_gap_ends_too_late),
        IN_A_WORLD(test_not_without_end),
        IN_A_WORLD(test_guests_that_are_not_asked),
        IN_A_WORLD(test_sources_of_no_configuration),
        IN_A_WORLD(test_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
