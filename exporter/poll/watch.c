/* A source under watch: start, reload, pause, stop. */
#include "poll/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "guest/avoid.h"
#include "guest/balloon_metrics.h"
#include "guest/domain_metrics.h"
#include "kit/memory.h"
#include "poll/inside.h"
#include "poll/publish.h"
#include "store/store.h"
#include "store/telemetry.h"

#include <stdlib.h>
#include <string.h>

/* The most that the budget of a guest is by itself; the config may say more. */
#define CALLS_PER_MINUTE_MAX 1200U

/* Twice what the intervals ask for, and two visits: room for an agent that comes back,
 * for probes and for a freeze. */
static unsigned int
calls_per_minute(const struct config *config)
{
    const int64_t minute_ns = INT64_C(60) * 1000 * 1000 * 1000;
    unsigned int calls = (unsigned int)collectors_count;

    if (config->limits.calls_per_minute > 0)
        return config->limits.calls_per_minute;
    for (size_t i = 0; i < collectors_count; i++) {
        unsigned int each = collectors[i]->calls > 0 ? collectors[i]->calls : 1;

        if (config->collectors[i].enabled)
            calls +=
                each *
                ((unsigned int)(minute_ns / config->collectors[i].interval_ns) + 1);
    }
    return 2 * calls < CALLS_PER_MINUTE_MAX ? 2 * calls : CALLS_PER_MINUTE_MAX;
}

static struct schedule_settings
schedule_settings(const struct config *config, struct source_capacity capacity)
{
    struct schedule_settings settings = {
        .capacity = capacity.calls,
        .lanes = capacity.lanes,
        .collectors_count = collectors_count,
        .failures_before_backoff = config->health.failures_before_backoff,
        .backoff_ns = config->health.backoff_ns,
        .backoff_max_ns = config->health.backoff_max_ns,
        .calls_per_minute = calls_per_minute(config),
    };

    for (size_t i = 0; i < collectors_count; i++) {
        settings.collectors[i].enabled = config->collectors[i].enabled;
        settings.collectors[i].interval_ns = config->collectors[i].interval_ns;
        if (collectors[i] == collector_probe)
            settings.probe = i;
        if (collectors[i] == collector_freeze)
            settings.opening = i;
    }
    return settings;
}

static void
take_capacity(struct watch *watch)
{
    struct source_capacity capacity = watch->driver->capacity(watch->source);

    schedule_set_capacity(watch->schedule, capacity.calls, capacity.lanes);
}

/* The old one may be freed afterwards. */
static void
take_config(struct watch *watch, const struct config *config)
{
    domain_metrics_free(watch->domain);
    watch->domain = domain_metrics_new(config->metadata.labels, config->metadata.count);
    watch->rules.config = config;
}

static bool
has_balloons(const struct watch *watch)
{
    return watch->identity.kind == SOURCE_LIBVIRT &&
           watch->identity.libvirt.balloon.enabled;
}

struct watch *
watch_start(const struct watch_parts *parts, const struct source_config *source,
            const struct config *config)
{
    struct watch *watch = memory_new(1, sizeof(*watch));
    const struct source_capacity none = {0};
    const struct samples_limits nothing = {.series_max = 0};
    struct schedule_settings settings = schedule_settings(config, none);

    watch->parts = parts;
    watch->rules.samples = samples_new(&nothing);
    take_config(watch, config);
    watch->driver = parts->drivers[source->kind];
    watch->progress_ns = clock_monotonic_ns();
    source_config_copy(&watch->identity, source);
    watch->balloons_awaited = has_balloons(watch);
    watch->schedule = schedule_new(&settings);
    watch->telemetry_row = telemetry_source_add(parts->telemetry, source->name);
    watch->listener = watch_listener;
    watch->listener.context = watch;
    uv_timer_init(parts->loop, &watch->turn);
    watch->turn.data = watch;
    watch->source =
        watch->driver->start(source, parts->loop, parts->mailbox, &watch->listener);
    take_capacity(watch);
    watch_take_figures(watch, watch->source);
    return watch;
}

bool
watch_is_of(const struct watch *watch, const struct source_config *source)
{
    return source_config_is_same(&watch->identity, source);
}

void
watch_note_overlap(struct watch *watch, const struct guest *guest, struct watch *other)
{
    const struct guest *same = watch_find_socket(other, &guest->socket);

    if (!same || (watch->overlaps && other->overlaps))
        return;
    watch->overlaps = other->overlaps = true;
    log_warn("two sources of the configuration have the same socket: its guest, and "
             "perhaps others, is asked twice and has the series of both; remove one of "
             "the two sources",
             LOG_STR("source", watch->identity.name), LOG_STR("domain", guest->name),
             LOG_STR("other_source", other->identity.name),
             LOG_STR("other_domain", same->name));
}

static void
watch_closed(uv_handle_t *timer)
{
    free(timer->data);
}

bool
watch_stop(struct watch *watch, int64_t deadline_ns)
{
    struct guest *guest, *next;
    bool ended = watch->driver->stop(watch->source, deadline_ns);

    watch_abandon_calls(watch);
    HASH_ITER (hh, watch->guests, guest, next) {
        watch_drop_guest(watch, guest);
    }
    fallen_review(watch, INT64_MAX);
    telemetry_source_remove(watch->parts->telemetry, watch->telemetry_row);
    schedule_free(watch->schedule);
    domain_metrics_free(watch->domain);
    samples_free(watch->rules.samples);
    source_config_clear(&watch->identity);
    uv_close((uv_handle_t *)&watch->turn, watch_closed);
    return ended;
}

/* What is switched off is gone; what stays may be read by other filters now. */
static void
review_series(const struct watch *watch, struct guest *guest)
{
    for (size_t i = 0; i < collectors_count; i++) {
        guest->collectors[i].reply_hash = 0;
        if (watch->rules.config->collectors[i].enabled)
            continue;
        if (collectors[i]->addresses)
            (void)guest_locate(guest, NULL, 0);
        store_put(watch->parts->store, guest->place, i, NULL, 0);
        guest->collectors[i].series = 0;
        guest->collectors[i].asked = false;
    }
}

void
watch_pause(struct watch *watch, bool paused)
{
    bool resumed = watch->paused && !paused;

    watch->paused = paused;
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        if (resumed)
            schedule_reset(watch->schedule, &guest->schedule, clock_monotonic_ns());
        (void)publish(watch, guest, GUEST_HEALTH, clock_monotonic_ns());
    }
    watch_take_turns(watch);
}

bool
watch_finish(struct watch *watch)
{
    bool open = false;

    watch->rules.finishing = true;
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        size_t talking = collectors_count;

        for (size_t i = 0; i < collectors_count; i++) {
            if (guest->collectors[i].conversation.open)
                talking = i;
        }
        if (talking == collectors_count || !guest_is_askable(guest) ||
            guest->freeze.frozen) {
            schedule_hold(watch->schedule, &guest->schedule);
            continue;
        }
        open = true;
        if (!guest->schedule.restricted)
            schedule_restrict(watch->schedule, &guest->schedule, talking,
                              clock_monotonic_ns());
    }
    watch_take_turns(watch);
    return !open;
}

void
watch_configure(struct watch *watch, const struct config *config)
{
    struct schedule_settings settings =
        schedule_settings(config, watch->driver->capacity(watch->source));

    take_config(watch, config);
    schedule_configure(watch->schedule, &settings);
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        schedule_reset(watch->schedule, &guest->schedule, clock_monotonic_ns());
        guest_judge_harm(guest, &config->avoid);
        guest_apply_avoids(guest, watch->schedule);
        review_series(watch, guest);
        (void)publish(watch, guest, GUEST_ALL, clock_monotonic_ns());
    }
    watch_take_turns(watch);
}

void
watch_visit(const struct watch *watch, const struct watch_visitor *visitor)
{
    visitor->source(visitor->context, &watch->identity, watch->up, watch->away);
    for (const struct guest *guest = watch->guests; guest && visitor->guest;
         guest = guest->hh.next)
        visitor->guest(visitor->context, &watch->identity, guest);
}

/* --- once a second --- */

static void
count_silent_balloons(const struct watch *watch)
{
    int64_t max_age_ns = watch->identity.libvirt.balloon.max_age_ns;
    size_t silent = 0;

    if (!has_balloons(watch))
        return;
    for (const struct guest *guest = watch->guests; guest; guest = guest->hh.next)
        silent += !balloon_is_current(&guest->balloon, max_age_ns);
    telemetry_balloons_silent(watch->parts->telemetry, watch->telemetry_row, silent);
}

/* What is published once a second at most, however often it happens. */
static unsigned int
waiting(const struct guest *guest)
{
    return (guest->unpublished & GUEST_EVENTS) |
           (guest->unpublished & GUEST_COUNTS ? GUEST_HEALTH : 0);
}

void
watch_review(struct watch *watch, int64_t now_ns, size_t *guests_by_state)
{
    take_capacity(watch);
    watch_take_figures(watch, watch->source);
    watch_review_calls(watch, now_ns);
    count_silent_balloons(watch);
    fallen_review(watch, now_ns);
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        (void)publish(watch, guest, waiting(guest), now_ns);
        guests_by_state[guest->last_state]++;
    }
    watch_take_turns(watch);
}
