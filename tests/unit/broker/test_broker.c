/* Both ends of the cut on one loop, with a source that does what the test says; and a
 * broker that is told what nobody of ours would tell it. */
#include "broker/broker.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "broker/broker_parts.h"
#include "broker/channel.h"
#include "broker/messages.h"
#include "broker/remote.h"
#include "config/sources.h"
#include "kit/memory.h"
#include "source/balloon.h"
#include "source/domain_facts.h"
#include "source/guest_event.h"
#include "source/source.h"
#include "unit/hand_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define TURNS_MAX 10000
#define KEY "0b9a3c6e-1c55-4be6-a5a5-6a1f3d1e8a10"

/* --- the source behind the broker --- */

static struct source {
    const struct source_listener *listener;
    struct source_config config;
    struct call *call; /* in flight */
    enum call_stage stage;
    unsigned int starts, stops, calls, visits_ended;
    char asked[256];
} * the_source, sources[4]; /* the broker's; the remote's are of another kind */
static size_t sources_count;
static unsigned int lanes;

static struct source *
begin(const struct source_config *config, uv_loop_t *loop, struct mailbox *mailbox,
      const struct source_listener *listener)
{
    (void)loop;
    (void)mailbox;
    the_source = &sources[sources_count++];
    *the_source = (struct source){.listener = listener, .starts = 1};
    source_config_copy(&the_source->config, config);
    return the_source;
}

static struct source_capacity
capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = lanes, .calls = 9};
}

static struct source_figures
figures(const struct source *source)
{
    return (struct source_figures){
        .has_lanes = true, .lanes = 7, .lanes_in_use = !!source->call};
}

static enum call_stage
stage_of(const struct source *source, const struct call *call)
{
    (void)call;
    return source->stage;
}

static void
take_call(struct source *source, struct call *call)
{
    assert_null(source->call);
    source->call = call;
    source->calls++;
    (void)snprintf(source->asked, sizeof(source->asked), "%s %s", call->request.command,
                   call->request.arguments);
}

static void
end_visit(struct source *source, const char *guest_key)
{
    source->visits_ended += strcmp(guest_key, KEY) == 0;
}

static bool
end(struct source *source, int64_t deadline_ns)
{
    (void)deadline_ns;
    source->stops++;
    source->call = NULL;
    source_config_clear(&source->config);
    return true;
}

static const struct source_driver driver = {.start = begin,
                                            .capacity = capacity,
                                            .figures = figures,
                                            .call = take_call,
                                            .end_visit = end_visit,
                                            .stage = stage_of,
                                            .stop = end,
                                            .tells_events = true};
static const struct source_driver *const drivers[] = {&driver, &driver, &driver};

/* --- who listens to the remote --- */

struct heard {
    char story[1024]; /* what was told, one word each */
    struct guest_facts facts;
    struct domain_facts *definition;
    struct answer answer;
    unsigned int answers;
    struct guest_event event;
    struct balloon balloon;
};

static void __attribute__((format(printf, 2, 3)))
note(struct heard *heard, const char *format, ...)
{
    size_t length = strlen(heard->story);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(heard->story + length, sizeof(heard->story) - length, format,
                    arguments);
    va_end(arguments);
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct heard *heard = context;

    (void)source;
    domain_facts_unref(heard->definition);
    heard->facts = *facts;
    heard->definition = domain_facts_ref(facts->definition);
    note(heard, "seen:%s%s%s%s ", facts->name, facts->just_started ? "!" : "",
         facts->opted_out ? "-" : "", facts->definition_error ? "?" : "");
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    (void)key;
    note(context, "gone ");
}

static void
source_up(void *context, struct source *source)
{
    (void)source;
    note(context, "up ");
}

static void
source_down(void *context, struct source *source, const char *why)
{
    (void)source;
    note(context, "down:%s ", why ? why : "-");
}

static void
guest_event(void *context, struct source *source, const char *key,
            const struct guest_event *event)
{
    struct heard *heard = context;

    (void)source;
    (void)key;
    heard->event = *event;
    note(heard, "event ");
}

static void
balloon_told(void *context, struct source *source, const char *key,
             const struct balloon *balloon)
{
    struct heard *heard = context;

    (void)source;
    (void)key;
    heard->balloon = *balloon;
    note(heard, "balloon ");
}

static void
balloons_told(void *context, struct source *source)
{
    (void)source;
    note(context, "balloons ");
}

/* --- the world --- */

struct world {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct broker *broker;
    unsigned int desertions;
    struct source_config config;
    struct heard heard;
    struct source_listener listener;
    struct source *source; /* the remote's */
};

static void
deserted(void *context, const char *why)
{
    struct world *world = context;

    (void)why;
    world->desertions++;
}

static void
turn(struct world *world)
{
    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* Both ends have said all that they had to say. */
static void
settle(struct world *world)
{
    for (int i = 0; i < 50; i++)
        turn(world);
}

static void
allow(struct world *world, const struct source_config *config)
{
    struct text text = TEXT_INIT(ASK_BYTES_MAX);

    bytes_put_number(&text, config ? 1 : 0);
    if (config)
        message_put_source(&text, config);
    struct bytes bytes = {.at = text.bytes, .end = text.bytes + text.length};

    broker_allow(world->broker, &bytes);
    text_free(&text);
}

/* One end is the broker's; the other is given back. */
static int
serve_anew(struct world *world)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    broker_serve(world->broker, ends[0]);
    return ends[1];
}

static int
set_up(void **state)
{
    struct world *world = memory_new(1, sizeof(*world));
    const struct broker_parts parts = {.loop = &world->loop,
                                       .drivers = drivers,
                                       .deserted = deserted,
                                       .context = world};
    struct broker_parts whole = parts;

    sources_count = 0;
    lanes = 7;
    the_source = NULL;
    (void)uv_loop_init(&world->loop);
    whole.mailbox = world->mailbox = mailbox_new(&world->loop);
    world->broker = broker_new(&whole);
    world->config = (struct source_config){
        .name = memory_string("a"),
        .kind = SOURCE_LIBVIRT,
        .libvirt = {.uri = memory_string("test:///default"), .lanes = 3},
        .socket = {.path = memory_string(""), .guest_name = memory_string("")},
        .proxmox = {.sockets = memory_string(""),
                    .pid_files = memory_string(""),
                    .configurations = memory_string("")},
    };
    world->listener = (struct source_listener){.guest_seen = guest_seen,
                                               .guest_gone = guest_gone,
                                               .source_up = source_up,
                                               .source_down = source_down,
                                               .guest_event = guest_event,
                                               .balloon_told = balloon_told,
                                               .balloons_told = balloons_told,
                                               .context = &world->heard};
    allow(world, &world->config);
    *state = world;
    return 0;
}

static void
start_remote(struct world *world)
{
    remote_connect(&world->loop, serve_anew(world));
    world->source = remote_drivers[SOURCE_LIBVIRT]->start(
        &world->config, &world->loop, world->mailbox, &world->listener);
    settle(world);
    assert_non_null(the_source);
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    if (world->source)
        (void)remote_drivers[SOURCE_LIBVIRT]->stop(world->source, 0);
    remote_disconnect();
    (void)broker_stop(world->broker, 0);
    mailbox_drain(world->mailbox);
    mailbox_close(world->mailbox);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    domain_facts_unref(world->heard.definition);
    free(world->heard.answer.reply);
    source_config_clear(&world->config);
    free(world);
    return 0;
}

/* --- what the source says, and what is asked of it --- */

static struct guest_facts
facts_of(enum channel_state channel)
{
    return (struct guest_facts){
        .key = KEY, .name = "web", .uuid = KEY, .incarnation = 3, .channel = channel};
}

static void
announce(const struct guest_facts *facts)
{
    the_source->listener->guest_seen(the_source->listener->context, the_source, facts);
}

static void
come_up(struct world *world, enum channel_state channel)
{
    const struct guest_facts facts = facts_of(channel);

    announce(&facts);
    the_source->listener->source_up(the_source->listener->context, the_source);
    settle(world);
}

static void
answered(struct call *call)
{
    struct heard *heard = call->context;

    free(heard->answer.reply);
    heard->answer = call->answer;
    heard->answers++;
    free(call);
}

static void
ask(struct world *world, const char *command)
{
    static char key[] = KEY;
    struct call *call = memory_new(1, sizeof(*call));

    call->guest_key = key;
    call->request.command = command;
    call->timeout_ns = 3 * S;
    call->reply_bytes_max = 1024;
    call->done = answered;
    call->context = &world->heard;
    remote_drivers[SOURCE_LIBVIRT]->call(world->source, call);
    settle(world);
}

static void
reply(struct world *world, const char *text)
{
    struct call *call = the_source->call;

    assert_non_null(call);
    the_source->call = NULL;
    call->answer.reply = memory_string(text);
    call->answer.reply_length = strlen(text);
    call->answer.channel = CALL_CHANNEL_WHOLE;
    call->answer.sent_ns = 11;
    call->answer.received_ns = 22;
    call->answer.sent_mono_ns = 33;
    call->answer.received_mono_ns = 44;
    call->done(call);
    settle(world);
}

/* Answers go out together, at a tick. */
static void
reply_and_tick(struct world *world, const char *text)
{
    unsigned int answers = world->heard.answers;

    reply(world, text);
    assert_int_equal(world->heard.answers, answers);
    hand_clock_pass(MAILBOX_TICK_NS);
    settle(world);
}

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
expect_refusal(struct world *world, enum failure_kind kind)
{
    unsigned int answers = world->heard.answers;

    ask(world, "guest-get-time");
    assert_int_equal(world->heard.answers, answers + 1);
    assert_null(world->heard.answer.reply);
    assert_int_equal(world->heard.answer.failure.kind, kind);
}

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
    }
    for (; the_source->calls == calls; calls++) {
        assert_true(calls <= BROKER_CALLS_BURST + 1);
        ask(world, "guest-get-time");
        if (the_source->call)
            reply(world, "{}");
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

/* --- either one begins anew --- */

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

/* --- an evil one --- */

static void
say(int fd, unsigned int kind, const struct text *message)
{
    const uint32_t head[] = {(uint32_t)message->length, kind};

    assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
    if (message->length > 0)
        assert_int_equal(write(fd, message->bytes, message->length), message->length);
}

static void
expect_desertion(struct world *world, unsigned int kind, const struct text *message)
{
    unsigned int desertions = world->desertions;
    unsigned int calls = the_source->calls;
    int fd = serve_anew(world);

    say(fd, kind, message);
    settle(world);
    assert_int_equal(world->desertions, desertions + 1);
    assert_int_equal(the_source->calls, calls);
    (void)close(fd);
}

static struct text
call_of(struct asked_call asked)
{
    struct text message = TEXT_INIT(ASK_BYTES_MAX);

    message_put_call(&message, &asked);
    return message;
}

static void
test_what_is_no_query(void **state)
{
    struct world *world = *state;
    const struct asked_call good = {
        .source = 1, .number = 1, .key = KEY, .timeout_ns = S, .reply_bytes_max = 1};
    struct asked_call evil[6];
    struct text message;

    for (size_t i = 0; i < 6; i++)
        evil[i] = good;
    evil[0].query.query = UINT32_MAX;
    evil[1].query.query = 1000;
    evil[2].timeout_ns = 0;
    evil[3].timeout_ns = INT64_MAX;
    evil[4].timeout_ns = S + 1; /* libvirt counts whole seconds */
    evil[5].reply_bytes_max = SIZE_MAX;
    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    for (size_t i = 0; i < 6; i++) {
        message = call_of(evil[i]);
        expect_desertion(world, ASK_CALL, &message);
        text_free(&message);
    }
    message = call_of(good);
    message.length--;
    expect_desertion(world, ASK_CALL, &message);
    text_free(&message);
    message = TEXT_INIT(16);
    expect_desertion(world, ASK_CALL, &message);
    expect_desertion(world, 99, &message);
    expect_desertion(world, ASK_START, &message);
    expect_desertion(world, ASK_STOP, &message);
    expect_desertion(world, ASK_END_VISIT, &message);
    expect_desertion(world, ASK_LOG, &message);
}

static void
test_a_message_without_end(void **state)
{
    struct world *world = *state;
    const uint32_t head[] = {UINT32_MAX, ASK_CALL};
    int fd = serve_anew(world);

    assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
    settle(world);
    assert_int_equal(world->desertions, 1);
    (void)close(fd);
}

/* Whatever comes: no call, no crash. */
static void
test_noise(void **state)
{
    struct world *world = *state;
    uint64_t random = 88172645463325252U;
    char noise[64];

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    for (int i = 0; i < 2000; i++) {
        struct text message = TEXT_INIT(sizeof(noise));
        int fd = serve_anew(world);

        for (size_t j = 0; j < sizeof(noise); j++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise[j] = (char)(random % 3 == 0 ? random >> 8 : 0);
        }
        text_add(&message, noise, random % sizeof(noise));
        say(fd, (unsigned int)(random % (ASK_LOG + 1)), &message);
        for (int j = 0; j < 3; j++)
            turn(world);
        (void)close(fd);
        text_free(&message);
    }
    settle(world);
    assert_int_equal(the_source->calls, 0);
    assert_int_equal(sources_count, 1);
}

/* --- */

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

/* Who starts and stops a source again and again gains nothing by it. */
static void
test_starts_without_end(void **state)
{
    struct world *world = *state;
    struct text message = TEXT_INIT(ASK_BYTES_MAX), stop = TEXT_INIT(ASK_BYTES_MAX);
    int fd;

    start_remote(world);
    come_up(world, CHANNEL_CONNECTED);
    bytes_put_number(&message, 7);
    message_put_source(&message, &world->config);
    bytes_put_number(&stop, 7);
    fd = serve_anew(world);
    for (int i = 0; i < 10; i++) {
        say(fd, ASK_START, &message);
        say(fd, ASK_STOP, &stop);
        settle(world);
    }
    assert_int_equal(world->desertions, 0);
    assert_int_equal(sources_count, 1);
    assert_int_equal(the_source->stops, 0);
    say(fd, ASK_START, &message);
    text_clear(&message);
    bytes_put_number(&message, 8);
    message_put_source(&message, &world->config);
    say(fd, ASK_START, &message);
    settle(world);
    assert_int_equal(world->desertions, 1);
    assert_int_equal(sources_count, 1);
    (void)close(fd);
    text_free(&message);
    text_free(&stop);
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
        IN_A_WORLD(test_not_without_end),
        IN_A_WORLD(test_guests_that_are_not_asked),
        IN_A_WORLD(test_sources_of_no_configuration),
        IN_A_WORLD(test_who_asks_begins_anew),
        IN_A_WORLD(test_who_asks_begins_anew_in_between),
        IN_A_WORLD(test_a_guest_goes_and_comes_while_it_is_asked),
        IN_A_WORLD(test_the_broker_is_away),
        IN_A_WORLD(test_what_is_no_query),
        IN_A_WORLD(test_a_message_without_end),
        IN_A_WORLD(test_noise),
        IN_A_WORLD(test_starts_without_end),
        IN_A_WORLD(test_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
