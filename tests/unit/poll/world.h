/* A watch over a source that does what the test says, with a clock of its own.  For the
 * file of a test's main() alone. */
#ifndef UNIT_POLL_WORLD_H
#define UNIT_POLL_WORLD_H

#include "agent/commands.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "base/text.h"
#include "guest/guest.h"
#include "kit/memory.h"
#include "poll/first_pass.h"
#include "poll/publish.h"
#include "poll/watch_parts.h"
#include "source/source.h"
#include "store/store.h"
#include "store/telemetry.h"
#include "store/telemetry_text.h"
#include "unit/hand_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
/* Turns of the loop, one a millisecond, in which something awaited must have happened.
 */
#define TURNS_MAX 2000

/* --- a source --- */

/* There is one at a time. */
static struct source {
    const struct source_listener *listener;
    struct call *call;           /* in flight; one guest is enough ... */
    const struct call *given_up; /* ... but for one that hangs */
    enum call_stage stage;
    unsigned int calls, visits_ended;
    size_t lanes_in_use;
} the_source;

static inline struct source *
start(const struct source_config *config, uv_loop_t *loop, struct mailbox *mailbox,
      const struct source_listener *listener)
{
    (void)config;
    (void)loop;
    (void)mailbox;
    the_source = (struct source){.listener = listener, .stage = CALL_RUNS};
    return &the_source;
}

static inline struct source_capacity
capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = 4, .calls = 8};
}

static inline struct source_figures
figures(const struct source *source)
{
    return (struct source_figures){
        .has_lanes = true, .lanes = 4, .lanes_in_use = source->lanes_in_use};
}

static inline enum call_stage
stage(const struct source *source, const struct call *call)
{
    if (call == source->given_up)
        return CALL_GIVEN_UP;
    assert_ptr_equal(source->call, call);
    return source->stage;
}

static inline void
take_call(struct source *source, struct call *call)
{
    assert_null(source->call);
    call->answer.sent_mono_ns = clock_monotonic_ns();
    call->answer.sent_ns = clock_realtime_ns();
    source->call = call;
    source->calls++;
}

static inline bool
stop(struct source *source, int64_t deadline_ns)
{
    (void)deadline_ns;
    source->call = NULL;
    return true;
}

static inline void
end_visit(struct source *source, const char *guest_key)
{
    assert_null(source->call);
    source->visits_ended += strcmp(guest_key, "k") == 0;
}

static const struct source_driver driver = {.start = start,
                                            .capacity = capacity,
                                            .figures = figures,
                                            .call = take_call,
                                            .end_visit = end_visit,
                                            .stage = stage,
                                            .stop = stop,
                                            .tells_events = true};
static const struct source_driver *const drivers[] = {[SOURCE_LIBVIRT] = &driver};

static inline void
answer(const char *reply)
{
    struct call *call = the_source.call;

    the_source.call = NULL;
    call->answer.reply = memory_string(reply);
    call->answer.reply_length = strlen(reply);
    call->answer.received_mono_ns = clock_monotonic_ns();
    call->answer.received_ns = clock_realtime_ns();
    call->done(call);
}

/* --- what watches it --- */

struct world {
    uv_loop_t loop;
    struct watch_parts parts;
    struct config *config;
    struct watch *watch;
};

static inline void
nothing(void *context)
{
    (void)context;
}

static inline void
open_world(struct world *world)
{
    static const char *const states[] = {"all", NULL};
    static char name[] = "here";
    static struct source_config source = {.kind = SOURCE_LIBVIRT, .name = name};
    struct store_part slots[PUBLISH_SLOTS_MAX];
    struct failure why;

    memset(world, 0, sizeof(*world));
    size_t slots_count = publish_slots(slots);

    uv_loop_init(&world->loop);
    world->config = config_load(NULL, NULL, &why);
    assert_non_null(world->config);
    world->parts = (struct watch_parts){
        .loop = &world->loop,
        .mailbox = mailbox_new(&world->loop),
        .telemetry = telemetry_new(commands_list(), states),
        .drivers = drivers,
        .store = store_new(slots, slots_count, NULL),
        .at_once = true,
        .progressed = nothing,
    };
    source = world->config->sources[0];
    source.name = name;
    world->watch = watch_start(&world->parts, &source, world->config);
}

static inline void
close_world(struct world *world)
{
    watch_stop(world->watch, 0);
    mailbox_close(world->parts.mailbox);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    store_free(world->parts.store);
    telemetry_free(world->parts.telemetry);
    config_free(world->config);
}

static inline void
enable_only(struct world *world, const char *name)
{
    for (size_t i = 0; i < collectors_count; i++)
        world->config->collectors[i].enabled =
            name && strcmp(collectors[i]->name, name) == 0;
    watch_configure(world->watch, world->config);
}

static inline void
announce_domain(enum domain_state domain, bool agent_connected)
{
    const struct guest_facts facts = {
        .key = "k",
        .name = "web-1",
        .uuid = "",
        .domain = domain,
        .channel = CHANNEL_CONNECTED,
        .agent_connected = agent_connected,
        .agent_disconnected = agent_connected,
    };

    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
}

static inline void
announce_other(void)
{
    const struct guest_facts facts = {
        .key = "other", .name = "web-2", .uuid = "", .channel = CHANNEL_CONNECTED};

    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
}

static inline void
announce(bool agent_connected)
{
    announce_domain(DOMAIN_RUNNING, agent_connected);
}

static inline void
lose_call(enum failure_kind kind)
{
    struct call *call = the_source.call;

    the_source.call = NULL;
    failure_set(&call->answer.failure, kind, "the test says so");
    call->answer.received_mono_ns = clock_monotonic_ns();
    call->answer.received_ns = clock_realtime_ns();
    call->done(call);
}

static inline void
come_up(void)
{
    the_source.listener->source_up(the_source.listener->context, &the_source);
    the_source.listener->balloons_told(the_source.listener->context, &the_source);
}

/* Whether a call comes within so many turns. */
static inline bool
comes_a_call(struct world *world, int turns)
{
    for (; !the_source.call && turns > 0; turns--) {
        hand_clock_pass(S / 1000);
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    return the_source.call;
}

/* The next call's command. */
static inline const char *
await_call(struct world *world)
{
    assert_true(comes_a_call(world, TURNS_MAX));
    return the_source.call->request.command;
}

static inline bool
has_passed(const struct world *world)
{
    return watch_has_passed(world->watch, clock_monotonic_ns());
}

static inline void
state_is(const struct world *world, int64_t at_ns, enum agent_state wanted)
{
    size_t guests_by_state[AGENT_STATES] = {0};

    watch_review(world->watch, at_ns, guests_by_state);
    assert_int_equal(guests_by_state[wanted], 1);
}

#endif
