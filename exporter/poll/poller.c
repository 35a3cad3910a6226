/* All sources under watch. */
#include "poll/poller.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "guest/guest.h"
#include "kit/memory.h"
#include "poll/describe.h"
#include "poll/first_pass.h"
#include "store/note.h"
#include "store/store.h"
#include "store/telemetry.h"

#include <stdlib.h>
#include <uv.h>

#define HOUSEKEEPING_MS 1000

struct poller {
    struct poller_parts parts;
    struct watch *watches[CONFIG_SOURCES_MAX];
    size_t watches_count;
    uv_timer_t housekeeping;
    bool passed; /* the first pass */
    bool paused, config_paused;
    bool left_lanes; /* a source was left whose lanes may still hang */
};

static void
check_first_pass(void *context)
{
    struct poller *poller = context;
    bool all_answered = true;

    if (poller->passed || poller->watches_count == 0)
        return;
    for (size_t i = 0; i < poller->watches_count; i++) {
        if (!watch_has_passed(poller->watches[i], clock_monotonic_ns()))
            return;
        all_answered = all_answered && watch_all_answered(poller->watches[i]);
    }
    poller->passed = true;
    poller->parts.first_pass(poller->parts.context, all_answered);
}

/* Whether service discovery would tell all. */
static void
check_completeness(struct poller *poller)
{
    const char *why = NULL;

    for (size_t i = 0; i < poller->watches_count && !why; i++)
        why = watch_why_incomplete(poller->watches[i]);
    store_set_incomplete(poller->parts.watch.store, why);
}

static void
progressed(void *context)
{
    check_completeness(context);
    check_first_pass(context);
}

static void
socket_found(void *context, struct watch *watch, const struct guest *guest)
{
    const struct poller *poller = context;

    for (size_t i = 0; i < poller->watches_count; i++) {
        if (poller->watches[i] != watch)
            watch_note_overlap(watch, guest, poller->watches[i]);
    }
}

static void
describe_sources(struct poller *poller)
{
    struct sources_note *note = sources_note_new();

    for (size_t i = 0; i < poller->watches_count; i++)
        watch_visit(
            poller->watches[i],
            &(struct watch_visitor){.source = describe_source, .context = note});
    store_describe_sources(poller->parts.watch.store, note);
}

/* The loop turns: what the store has and the web shows is of now. */
static void
take_turn(const struct poller *poller, int64_t now_ns)
{
    store_turned(poller->parts.watch.store, now_ns);
    telemetry_turned(poller->parts.watch.telemetry, clock_realtime_ns());
}

static void
review(uv_timer_t *timer)
{
    struct poller *poller = timer->data;
    size_t guests_by_state[AGENT_STATES] = {0};

    mailbox_drain(poller->parts.watch.mailbox); /* what has come is not overdue */
    int64_t now_ns = clock_monotonic_ns();

    for (size_t i = 0; i < poller->watches_count; i++)
        watch_review(poller->watches[i], now_ns, guests_by_state);
    for (size_t i = 0; i < AGENT_STATES; i++)
        telemetry_guests(poller->parts.watch.telemetry, i, guests_by_state[i]);
    describe_sources(poller);
    progressed(poller);
    take_turn(poller, now_ns);
}

/* Starts those of the config's sources that are not under watch. */
static void
start_watches(struct poller *poller, const struct config *config)
{
    size_t kept = poller->watches_count;

    for (size_t i = 0; i < config->sources_count; i++) {
        const struct source_config *source = &config->sources[i];
        bool is_watched = false;

        for (size_t j = 0; j < kept; j++)
            is_watched |= watch_is_of(poller->watches[j], source);
        if (is_watched)
            continue;
        struct watch *watch = watch_start(&poller->parts.watch, source, config);

        watch_pause(watch, poller->paused);
        poller->watches[poller->watches_count++] = watch;
    }
}

static void
set_paused(struct poller *poller, bool paused)
{
    poller->paused = paused;
    telemetry_paused(poller->parts.watch.telemetry, paused);
    for (size_t i = 0; i < poller->watches_count; i++)
        watch_pause(poller->watches[i], paused);
}

struct poller *
poller_start(const struct poller_parts *parts, const struct config *config)
{
    struct poller *poller = memory_new(1, sizeof(*poller));

    poller->parts = *parts;
    poller->parts.watch.socket_found = socket_found;
    poller->parts.watch.progressed = progressed;
    poller->parts.watch.context = poller;
    uv_timer_init(parts->watch.loop, &poller->housekeeping);
    poller->housekeeping.data = poller;
    uv_timer_start(&poller->housekeeping, review, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    poller->config_paused = config->paused;
    set_paused(poller, config->paused);
    start_watches(poller, config);
    take_turn(poller, clock_monotonic_ns());
    return poller;
}

static bool
is_wanted(const struct watch *watch, const struct config *config)
{
    for (size_t i = 0; i < config->sources_count; i++) {
        if (watch_is_of(watch, &config->sources[i]))
            return true;
    }
    return false;
}

void
poller_configure(struct poller *poller, const struct config *config)
{
    size_t kept = 0;

    for (size_t i = 0; i < poller->watches_count; i++) {
        struct watch *watch = poller->watches[i];

        if (is_wanted(watch, config)) {
            watch_configure(watch, config);
            poller->watches[kept++] = watch;
        } else {
            /* without waiting */
            poller->left_lanes |= !watch_stop(watch, clock_monotonic_ns());
        }
    }
    poller->watches_count = kept;
    if (config->paused != poller->config_paused)
        set_paused(poller, config->paused);
    poller->config_paused = config->paused;
    start_watches(poller, config);
    check_completeness(poller);
}

bool
poller_toggle_pause(struct poller *poller)
{
    set_paused(poller, !poller->paused);
    return poller->paused;
}

void
poller_visit(const struct poller *poller, const struct watch_visitor *visitor)
{
    for (size_t i = 0; i < poller->watches_count; i++)
        watch_visit(poller->watches[i], visitor);
}

bool
poller_finish(struct poller *poller)
{
    bool finished = true;

    for (size_t i = 0; i < poller->watches_count; i++)
        finished = watch_finish(poller->watches[i]) && finished;
    return finished;
}

static void
poller_closed(uv_handle_t *timer)
{
    free(timer->data);
}

bool
poller_stop(struct poller *poller, int64_t deadline_ns)
{
    bool ended = !poller->left_lanes;

    for (size_t i = 0; i < poller->watches_count; i++)
        ended = watch_stop(poller->watches[i], deadline_ns) && ended;
    uv_close((uv_handle_t *)&poller->housekeeping, poller_closed);
    return ended;
}
