/* A source of one guest, as struct source_driver, for tests of the whole exporter; and
 * a clock that goes on as fast as the loop turns.  For the file of a test's main()
 * alone.
 */
#ifndef UNIT_FAKE_SOURCE_H
#define UNIT_FAKE_SOURCE_H

#include "base/clock.h"
#include "kit/memory.h"
#include "source/source.h"
#include "unit/hand_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define FAKE_TURN_NS (INT64_C(10) * 1000 * 1000)

enum fake_source {
    FAKE_ANSWERS,  /* the guest's agent does */
    FAKE_HANGS,    /* it does not */
    FAKE_IS_AWAY,  /* the daemon does not let us in */
    FAKE_IS_SILENT /* nor does it say so */
};

/* There is one at a time. */
static struct source {
    const struct source_listener *listener;
    struct call *call; /* in flight; one guest is enough */
    uv_idle_t idle;
    unsigned int turns, calls;
} fake;

/* Set by the test before. */
static enum fake_source fake_source;
static void (*fake_each_turn)(unsigned int turn); /* or NULL */
static bool fake_call_hangs;                      /* beyond the end */

static void
fake_announce(void)
{
    static const struct guest_facts facts = {.key = "k",
                                             .name = "web-1",
                                             .uuid = "",
                                             .domain = DOMAIN_RUNNING,
                                             .channel = CHANNEL_CONNECTED};

    void *context = fake.listener->context;

    if (fake_source == FAKE_IS_SILENT)
        return;
    if (fake_source == FAKE_IS_AWAY) {
        fake.listener->source_down(context, &fake, "libvirt: Connection refused");
        return;
    }
    fake.listener->guest_seen(context, &fake, &facts);
    fake.listener->source_up(context, &fake);
    fake.listener->balloons_told(context, &fake);
}

static void
fake_answer(void)
{
    struct call *call = fake.call;
    char reply[64];

    if (!call)
        return;
    fake.call = NULL;
    if (fake_source == FAKE_HANGS) {
        failure_set(&call->answer.failure, FAILURE_TIMEOUT, "the agent sleeps");
    } else {
        (void)snprintf(reply, sizeof(reply), "{\"return\":%lld}",
                       (long long)clock_realtime_ns());
        call->answer.reply = memory_string(reply);
        call->answer.reply_length = strlen(reply);
    }
    call->answer.received_mono_ns = clock_monotonic_ns();
    call->answer.received_ns = clock_realtime_ns();
    call->done(call);
}

static void
fake_turn(uv_idle_t *idle)
{
    (void)idle;
    hand_clock_pass(FAKE_TURN_NS);
    if (++fake.turns == 1)
        fake_announce();
    fake_answer();
    if (fake_each_turn)
        fake_each_turn(fake.turns);
}

static struct source *
fake_start(const struct source_config *config, uv_loop_t *loop, struct mailbox *mailbox,
           const struct source_listener *listener)
{
    (void)config;
    (void)mailbox;
    fake = (struct source){.listener = listener};
    assert_int_equal(uv_idle_init(loop, &fake.idle), 0);
    assert_int_equal(uv_idle_start(&fake.idle, fake_turn), 0);
    return &fake;
}

static struct source_capacity
fake_capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = 4, .calls = 8};
}

static struct source_figures
fake_figures(const struct source *source)
{
    (void)source;
    return (struct source_figures){.has_lanes = true, .lanes = 4};
}

static void
fake_call(struct source *source, struct call *call)
{
    assert_null(source->call);
    call->answer.sent_mono_ns = clock_monotonic_ns();
    call->answer.sent_ns = clock_realtime_ns();
    source->call = call;
    source->calls++;
}

static enum call_stage
fake_stage(const struct source *source, const struct call *call)
{
    (void)source;
    (void)call;
    return CALL_RUNS;
}

static bool
fake_stop(struct source *source, int64_t deadline_ns)
{
    (void)deadline_ns;
    source->call = NULL;
    uv_close((uv_handle_t *)&source->idle, NULL);
    return !fake_call_hangs;
}

static const struct source_driver fake_driver = {.start = fake_start,
                                                 .capacity = fake_capacity,
                                                 .figures = fake_figures,
                                                 .call = fake_call,
                                                 .stage = fake_stage,
                                                 .stop = fake_stop};

#endif
