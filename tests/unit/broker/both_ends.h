/* Both ends of the cut on one loop, with a source that does what the test says.  For
 * the file of a test's main() alone. */
#ifndef UNIT_BROKER_BOTH_ENDS_H
#define UNIT_BROKER_BOTH_ENDS_H

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
#define KEY "0b9a3c6e-1c55-4be6-a5a5-6a1f3d1e8a10"

/* --- the source behind the broker --- */

static struct source {
    const struct source_listener *listener;
    struct source_config config;
    struct call *call; /* in flight */
    enum call_stage stage;
    unsigned int starts, stops, calls, visits_ended;
    char asked[256];
} sources[4]; /* the broker's; the remote's are of another kind */
static struct source *the_source;
static size_t sources_count;
static unsigned int lanes;

static inline struct source *
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

static inline struct source_capacity
capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = lanes, .calls = 9};
}

static inline struct source_figures
figures(const struct source *source)
{
    return (struct source_figures){
        .has_lanes = true, .lanes = 7, .lanes_in_use = !!source->call};
}

static inline enum call_stage
stage_of(const struct source *source, const struct call *call)
{
    (void)call;
    return source->stage;
}

static inline void
take_call(struct source *source, struct call *call)
{
    assert_null(source->call);
    source->call = call;
    source->calls++;
    (void)snprintf(source->asked, sizeof(source->asked), "%s %s", call->request.command,
                   call->request.arguments);
}

static inline void
end_visit(struct source *source, const char *guest_key)
{
    source->visits_ended += strcmp(guest_key, KEY) == 0;
}

static inline bool
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

static inline void __attribute__((format(printf, 2, 3)))
note(struct heard *heard, const char *format, ...)
{
    size_t length = strlen(heard->story);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(heard->story + length, sizeof(heard->story) - length, format,
                    arguments);
    va_end(arguments);
}

static inline void
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

static inline void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    (void)key;
    note(context, "gone ");
}

static inline void
source_up(void *context, struct source *source)
{
    (void)source;
    note(context, "up ");
}

static inline void
source_down(void *context, struct source *source, const char *why)
{
    (void)source;
    note(context, "down:%s ", why ? why : "-");
}

static inline void
guest_event(void *context, struct source *source, const char *key,
            const struct guest_event *event)
{
    struct heard *heard = context;

    (void)source;
    (void)key;
    heard->event = *event;
    note(heard, "event ");
}

static inline void
balloon_told(void *context, struct source *source, const char *key,
             const struct balloon *balloon)
{
    struct heard *heard = context;

    (void)source;
    (void)key;
    heard->balloon = *balloon;
    note(heard, "balloon ");
}

static inline void
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

static inline void
deserted(void *context, const char *why)
{
    struct world *world = context;

    (void)why;
    world->desertions++;
}

static inline void
turn(struct world *world)
{
    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* Both ends have said all that they had to say. */
static inline void
settle(struct world *world)
{
    for (int i = 0; i < 50; i++)
        turn(world);
}

static inline void
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
static inline int
serve_anew(struct world *world)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    broker_serve(world->broker, ends[0]);
    return ends[1];
}

static inline int
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

static inline void
start_remote(struct world *world)
{
    remote_connect(&world->loop, serve_anew(world));
    world->source = remote_drivers[SOURCE_LIBVIRT]->start(
        &world->config, &world->loop, world->mailbox, &world->listener);
    settle(world);
    assert_non_null(the_source);
}

static inline int
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

static inline struct guest_facts
facts_of(enum channel_state channel)
{
    return (struct guest_facts){
        .key = KEY, .name = "web", .uuid = KEY, .incarnation = 3, .channel = channel};
}

static inline void
announce(const struct guest_facts *facts)
{
    the_source->listener->guest_seen(the_source->listener->context, the_source, facts);
}

static inline void
come_up(struct world *world, enum channel_state channel)
{
    const struct guest_facts facts = facts_of(channel);

    announce(&facts);
    the_source->listener->source_up(the_source->listener->context, the_source);
    settle(world);
}

static inline void
answered(struct call *call)
{
    struct heard *heard = call->context;

    free(heard->answer.reply);
    heard->answer = call->answer;
    heard->answers++;
    free(call);
}

static inline void
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

static inline void
reply(struct world *world, const char *text)
{
    struct call *call = the_source->call;

    assert_non_null(call);
    the_source->call = NULL;
    call->answer.reply = memory_string(text);
    call->answer.reply_length = strlen(text);
    call->answer.channel = CALL_CHANNEL_WHOLE;
    call->answer.qemu_hangs = true;
    call->answer.sent_ns = 11;
    call->answer.received_ns = 22;
    call->answer.sent_mono_ns = 33;
    call->answer.received_mono_ns = 44;
    call->done(call);
    settle(world);
}

/* So that the guest may be asked again. */
static inline void
leave_gap(void)
{
    hand_clock_pass(BROKER_GAP_NS);
}

/* Answers go out together, at a tick. */
static inline void
reply_and_tick(struct world *world, const char *text)
{
    unsigned int answers = world->heard.answers;

    reply(world, text);
    assert_int_equal(world->heard.answers, answers);
    hand_clock_pass(MAILBOX_TICK_NS);
    settle(world);
}

static inline void
expect_refusal(struct world *world, enum failure_kind kind)
{
    unsigned int answers = world->heard.answers;

    ask(world, "guest-get-time");
    assert_int_equal(world->heard.answers, answers + 1);
    assert_null(world->heard.answer.reply);
    assert_int_equal(world->heard.answer.failure.kind, kind);
}

#endif
