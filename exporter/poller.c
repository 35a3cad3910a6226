/* Sources, guests and timers: who asks whom when, and what becomes of it. */
#include "poller.h"

#include "clock.h"
#include "guest.h"
#include "intake.h"
#include "log.h"
#include "memory.h"
#include "schedule.h"
#include "source.h"
#include "store.h"
#include "telemetry.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <uv.h>

/* A channel that has just opened, a domain that has just resumed: let the guest
 * breathe. */
#define SETTLE_NS (INT64_C(200) * 1000 * 1000)
/* Guests found at the start (or at a reconnect) are first asked one after the other, so
 * that a host with a thousand of them sees no burst. */
#define SPREAD_NS (INT64_C(20) * 1000 * 1000)
/* What libvirt may add to a call's timeout (its own sync) before the call counts as
 * hung. */
#define CALL_GRACE_NS (INT64_C(6) * 1000 * 1000 * 1000)
#define HOUSEKEEPING_MS 1000

static const struct source_driver *const drivers[] = {
    [SOURCE_LIBVIRT] = &source_libvirt,
    [SOURCE_SOCKET] = &source_socket,
};

/* A source and the guests it announced. */
struct watched_source {
    struct poller *poller;
    const struct source_driver *driver;
    struct source *source;
    struct source_config
        identity; /* name and kind, to find it again at a reload; owned */
    struct schedule *schedule;
    size_t telemetry_row;
    bool labelled; /* series carry the label `source` */
    bool up, tried;
    int64_t spread_ns; /* when the next guest of a list is first asked */
    struct guest *guests;
    struct poller_call *calls; /* in flight */
    struct source_listener listener;
    uv_timer_t turn;
    struct watched_source *next;
};

struct poller {
    struct poller_parts parts;
    struct intake intake;
    struct watched_source *sources;
    uv_timer_t housekeeping;
    bool passed; /* the first pass */
};

/* One call on its way. */
struct poller_call {
    struct call call;
    struct watched_source *watched;
    struct guest *guest;
    struct schedule_turn turn;
    struct poller_call *prev, *next; /* watched->calls */
};

size_t
poller_slots(const struct metric *const *slots[COLLECTORS_MAX + 1])
{
    intake_slots(slots);
    return collectors_count + 1;
}

const char *const *
poller_commands(void)
{
    static const char *commands[COLLECTORS_MAX + 1];

    for (size_t i = 0; i < collectors_count; i++)
        commands[i] = collectors[i]->command;
    return commands;
}

const char *const *
poller_states(void)
{
    static const char *states[AGENT_STATES + 1];

    for (int i = 0; i < AGENT_STATES; i++)
        states[i] = agent_state_name((enum agent_state)i);
    return states;
}

static void take_turns(struct watched_source *watched);

static void
turn_due(uv_timer_t *timer)
{
    take_turns(timer->data);
}

/* --- health --- */

static bool
is_trouble(enum agent_state state)
{
    return state == AGENT_UNRESPONSIVE || state == AGENT_MALFORMED ||
           state == AGENT_DENIED;
}

static void
log_transition(const struct guest *guest, enum agent_state state)
{
    const char *error =
        guest->last_failure.kind != FAILURE_NONE ? guest->last_failure.text : "";

    if (is_trouble(state))
        log_warn("the guest agent is in trouble", LOG_STR("domain", guest->name),
                 LOG_STR("state", agent_state_name(state)),
                 LOG_STR("was", agent_state_name(guest->last_state)),
                 LOG_STR("error", error));
    else
        log_info("the guest agent's state", LOG_STR("domain", guest->name),
                 LOG_STR("state", agent_state_name(state)),
                 LOG_STR("was", agent_state_name(guest->last_state)));
}

static void
publish_health(struct guest *guest)
{
    struct watched_source *watched = guest->source;
    const struct intake *intake = &watched->poller->intake;
    enum agent_state state =
        guest_state(guest, clock_monotonic_ns(), intake->config->health.starting_ns);

    if (state != guest->last_state)
        log_transition(guest, state);
    guest->last_state = state;
    intake_health(intake, guest, state,
                  schedule_is_backing_off(watched->schedule, &guest->schedule));
}

/* --- the first pass --- */

static bool
has_passed(const struct watched_source *watched)
{
    if (!watched->up)
        return watched->tried;
    for (const struct guest *guest = watched->guests; guest; guest = guest->hh.next) {
        if (guest_is_askable(guest) && !guest->first_visit_done)
            return false;
    }
    return true;
}

static bool
all_answered(const struct watched_source *watched)
{
    if (!watched->up)
        return false;
    for (const struct guest *guest = watched->guests; guest; guest = guest->hh.next) {
        if (!guest->opted_out && guest->last_state != AGENT_RESPONSIVE)
            return false;
    }
    return true;
}

static void
check_first_pass(struct poller *poller)
{
    bool answered = true;

    if (poller->passed)
        return;
    for (struct watched_source *watched = poller->sources; watched;
         watched = watched->next) {
        if (!has_passed(watched))
            return;
        answered = answered && all_answered(watched);
    }
    poller->passed = true;
    poller->parts.first_pass(poller->parts.context, answered);
}

/* --- calls --- */

static void
forget_guest(struct guest *guest)
{
    schedule_remove(guest->source->schedule, &guest->schedule);
    guest_free(guest);
}

static void
block_unavailable_commands(struct schedule *schedule, struct guest *guest)
{
    for (size_t i = 0; i < collectors_count; i++) {
        enum command_status status = guest->collectors[i].status;

        schedule_block(schedule, &guest->schedule, i,
                       status == COMMAND_MISSING || status == COMMAND_DISABLED);
    }
}

static void
account(const struct poller_call *call, enum failure_kind outcome)
{
    telemetry_call(call->watched->poller->parts.telemetry, call->turn.collector,
                   outcome, call->call.received_mono_ns - call->call.sent_mono_ns);
}

static void
free_call(struct poller_call *call)
{
    DL_DELETE(call->watched->calls, call);
    free(call->call.reply);
    free(call);
}

static void
call_done(struct call *carried)
{
    struct poller_call *call = carried->context;
    struct watched_source *watched = call->watched;
    struct guest *guest = call->guest;
    struct poller *poller = watched->poller;
    size_t collector = call->turn.collector;
    int64_t now_ns = clock_monotonic_ns();
    enum failure_kind outcome = carried->failure.kind;

    if (!guest->gone && call->turn.epoch == guest->schedule.epoch) {
        bool publish = poller->intake.config->collectors[collector].enabled;

        outcome = intake_answer(&poller->intake, guest, collector, publish, carried);
        block_unavailable_commands(watched->schedule, guest);
    }
    account(call, outcome);
    schedule_done(watched->schedule, &call->turn, outcome,
                  carried->received_mono_ns - carried->sent_mono_ns, now_ns);
    if (guest->gone) {
        forget_guest(guest);
    } else if (outcome != FAILURE_NONE || schedule_is_idle(&guest->schedule, now_ns)) {
        guest->first_visit_done |= schedule_is_idle(&guest->schedule, now_ns);
        publish_health(guest);
        check_first_pass(poller);
    }
    free_call(call);
    take_turns(watched);
}

static void
send_call(struct watched_source *watched, const struct schedule_turn *turn,
          int64_t now_ns)
{
    const struct config *config = watched->poller->intake.config;
    struct poller_call *call = memory_new(1, sizeof *call);

    DL_APPEND(watched->calls, call);
    call->watched = watched;
    call->turn = *turn;
    call->guest =
        (struct guest *)((char *)turn->guest - offsetof(struct guest, schedule));
    call->guest->call_deadline_ns =
        now_ns + config->collectors[turn->collector].timeout_ns + CALL_GRACE_NS;
    call->call = (struct call){
        .guest_key = call->guest->key,
        .command = collectors[turn->collector]->command,
        .timeout_ns = config->collectors[turn->collector].timeout_ns,
        .reply_bytes_max = config->limits.reply_bytes,
        .done = call_done,
        .context = call,
    };
    telemetry_lateness(watched->poller->parts.telemetry, now_ns - turn->due_ns);
    watched->driver->call(watched->source, &call->call);
}

/* Sends all that is due and can go out, and sets the timer for what comes next. */
static void
take_turns(struct watched_source *watched)
{
    struct schedule_turn turn;
    int64_t now_ns = clock_monotonic_ns();

    while (schedule_next(watched->schedule, now_ns, &turn))
        send_call(watched, &turn, now_ns);

    int64_t wake_ns = schedule_wake_ns(watched->schedule);

    if (wake_ns == INT64_MAX) {
        uv_timer_stop(&watched->turn);
        return;
    }
    int64_t wait_ms = (wake_ns - now_ns + 999999) / 1000000;

    uv_update_time(watched->poller->parts.loop);
    uv_timer_start(&watched->turn, turn_due, (uint64_t)(wait_ms > 0 ? wait_ms : 0), 0);
}

/* --- what sources announce --- */

static int64_t
first_call_ns(struct watched_source *watched)
{
    int64_t now_ns = clock_monotonic_ns();

    if (watched->poller->parts.at_once)
        return now_ns;
    if (watched->up)
        return now_ns + SETTLE_NS; /* one guest, now */
    if (watched->spread_ns < now_ns)
        watched->spread_ns = now_ns;
    watched->spread_ns += SPREAD_NS; /* one of a list */
    return watched->spread_ns;
}

static struct guest *
find_guest(struct watched_source *watched, const char *key)
{
    struct guest *guest;

    HASH_FIND_STR(watched->guests, key, guest);
    return guest;
}

static struct guest *
add_guest(struct watched_source *watched, const struct guest_facts *facts)
{
    struct guest *guest =
        guest_new(watched, facts, watched->labelled ? watched->identity.name : NULL);

    guest->incarnation = facts->incarnation;
    guest->schedule.held = true;
    guest->place = store_guest_add(watched->poller->parts.store, guest->identity);
    schedule_add(watched->schedule, &guest->schedule, guest->identity, 0);
    HASH_ADD_KEYPTR(hh, watched->guests, guest->key, strlen(guest->key), guest);
    return guest;
}

static void
take_facts(struct guest *guest, const struct guest_facts *facts)
{
    if (facts->just_started || facts->incarnation != guest->incarnation)
        guest->started_ns = clock_monotonic_ns();
    guest->incarnation = facts->incarnation;
    guest->domain = facts->domain;
    guest->channel = facts->channel;
    guest->opted_out = facts->opted_out;
    guest->source_is_up = true;
    guest->seen = true;
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct watched_source *watched = context;
    struct guest *guest = find_guest(watched, facts->key);

    (void)source;
    if (!guest)
        guest = add_guest(watched, facts);

    bool was_askable = guest_is_askable(guest);
    bool anew = facts->agent_came || guest->incarnation != facts->incarnation;

    take_facts(guest, facts);
    bool is_askable = guest_is_askable(guest);

    if (is_askable && (!was_askable || anew)) {
        guest_agent_anew(guest);
        schedule_release(watched->schedule, &guest->schedule, first_call_ns(watched));
    } else if (!is_askable) {
        schedule_hold(watched->schedule, &guest->schedule);
    }
    publish_health(guest);
    check_first_pass(watched->poller);
    take_turns(watched);
}

static void
drop_guest(struct watched_source *watched, struct guest *guest)
{
    HASH_DEL(watched->guests, guest);
    store_guest_remove(watched->poller->parts.store, guest->place);
    schedule_hold(watched->schedule, &guest->schedule);
    if (guest->schedule.in_flight)
        guest->gone = true; /* freed when its call comes back */
    else
        forget_guest(guest);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    struct watched_source *watched = context;
    struct guest *guest = find_guest(watched, key);

    (void)source;
    if (!guest)
        return;
    log_info("the domain has stopped", LOG_STR("domain", guest->name));
    drop_guest(watched, guest);
    check_first_pass(watched->poller);
}

static void
source_up(void *context, struct source *source)
{
    struct watched_source *watched = context;
    struct guest *guest, *next;

    (void)source;
    watched->up = watched->tried = true;
    HASH_ITER (hh, watched->guests, guest, next) {
        if (!guest->seen)
            drop_guest(watched, guest);
    }
    check_first_pass(watched->poller);
}

static void
source_down(void *context, struct source *source, const char *why)
{
    struct watched_source *watched = context;
    struct guest *guest, *next;

    (void)source;
    (void)why; /* the source has logged it */
    watched->up = false;
    watched->tried = true;
    HASH_ITER (hh, watched->guests, guest, next) {
        guest->source_is_up = guest->seen = false;
        schedule_hold(watched->schedule, &guest->schedule);
        publish_health(guest);
    }
    check_first_pass(watched->poller);
}

/* --- once a second --- */

static void
review_source(struct watched_source *watched, size_t *guests_by_state)
{
    const struct config *config = watched->poller->intake.config;
    int64_t now_ns = clock_monotonic_ns();

    schedule_set_capacity(watched->schedule,
                          watched->driver->capacity(watched->source));
    for (struct guest *guest = watched->guests; guest; guest = guest->hh.next) {
        if (guest_state(guest, now_ns, config->health.starting_ns) != guest->last_state)
            publish_health(guest);
        guests_by_state[guest->last_state]++;
    }
    take_turns(watched);
}

static void
review(uv_timer_t *timer)
{
    struct poller *poller = timer->data;
    size_t guests_by_state[AGENT_STATES] = {0};

    for (struct watched_source *watched = poller->sources; watched;
         watched = watched->next)
        review_source(watched, guests_by_state);
    for (size_t i = 0; i < AGENT_STATES; i++)
        telemetry_guests(poller->parts.telemetry, i, guests_by_state[i]);
    check_first_pass(poller);
}

/* --- start, reload, stop --- */

static struct schedule_settings
schedule_settings(const struct config *config, unsigned int capacity)
{
    struct schedule_settings settings = {
        .capacity = capacity,
        .collectors_count = collectors_count,
        .failures_before_backoff = config->health.failures_before_backoff,
        .backoff_ns = config->health.backoff_ns,
        .backoff_max_ns = config->health.backoff_max_ns,
    };

    for (size_t i = 0; i < collectors_count; i++) {
        settings.collectors[i].enabled = config->collectors[i].enabled;
        settings.collectors[i].interval_ns = config->collectors[i].interval_ns;
        if (collectors[i] == collector_probe)
            settings.probe = i;
    }
    return settings;
}

static void
start_source(struct poller *poller, const struct source_config *config, bool labelled)
{
    struct watched_source *watched = memory_new(1, sizeof *watched);
    struct schedule_settings settings = schedule_settings(poller->intake.config, 1);

    watched->poller = poller;
    watched->driver = drivers[config->kind];
    watched->labelled = labelled;
    source_config_copy(&watched->identity, config);
    watched->schedule = schedule_new(&settings);
    watched->telemetry_row =
        telemetry_source_add(poller->parts.telemetry, config->name);
    watched->listener = (struct source_listener){
        .guest_seen = guest_seen,
        .guest_gone = guest_gone,
        .source_up = source_up,
        .source_down = source_down,
        .context = watched,
    };
    uv_timer_init(poller->parts.loop, &watched->turn);
    watched->turn.data = watched;
    watched->next = poller->sources;
    poller->sources = watched;
    watched->source = watched->driver->start(
        config, poller->parts.loop, poller->parts.mailbox, &watched->listener,
        poller->parts.telemetry, watched->telemetry_row);
    schedule_set_capacity(watched->schedule,
                          watched->driver->capacity(watched->source));
}

static void
watched_closed(uv_handle_t *timer)
{
    free(timer->data);
}

/* No call comes back from here on: those in flight are the lanes' that are left. */
static void
abandon_calls(struct watched_source *watched)
{
    struct poller_call *call, *next;

    DL_FOREACH_SAFE(watched->calls, call, next)
    {
        call->guest->schedule.in_flight = false;
        if (call->guest->gone)
            forget_guest(call->guest);
        free_call(call);
    }
}

static bool
stop_source(struct watched_source *watched, int64_t deadline_ns)
{
    struct guest *guest, *next;
    bool ended = watched->driver->stop(watched->source, deadline_ns);

    abandon_calls(watched);
    HASH_ITER (hh, watched->guests, guest, next) {
        drop_guest(watched, guest);
    }
    telemetry_source_remove(watched->poller->parts.telemetry, watched->telemetry_row);
    schedule_free(watched->schedule);
    source_config_clear(&watched->identity);
    uv_close((uv_handle_t *)&watched->turn, watched_closed);
    return ended;
}

struct poller *
poller_start(const struct poller_parts *parts, const struct config *config)
{
    struct poller *poller = memory_new(1, sizeof *poller);

    poller->parts = *parts;
    poller->intake = (struct intake){.config = config, .store = parts->store};
    uv_timer_init(parts->loop, &poller->housekeeping);
    poller->housekeeping.data = poller;
    uv_timer_start(&poller->housekeeping, review, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    for (size_t i = 0; i < config->sources_count; i++)
        start_source(poller, &config->sources[i], config->sources_count > 1);
    return poller;
}

static bool
is_wanted(const struct watched_source *watched, const struct config *config)
{
    if (watched->labelled != (config->sources_count > 1))
        return false;
    for (size_t i = 0; i < config->sources_count; i++) {
        if (source_config_is_same(&watched->identity, &config->sources[i]))
            return true;
    }
    return false;
}

static bool
is_watched(const struct poller *poller, const struct source_config *config)
{
    for (const struct watched_source *watched = poller->sources; watched;
         watched = watched->next) {
        if (source_config_is_same(&watched->identity, config))
            return true;
    }
    return false;
}

static void
withdraw_disabled(const struct poller *poller, struct guest *guest)
{
    for (size_t i = 0; i < collectors_count; i++) {
        if (poller->intake.config->collectors[i].enabled)
            continue;
        store_put(poller->parts.store, guest->place, i, NULL);
        guest->collectors[i].series = 0;
        guest->collectors[i].asked = false;
    }
}

static void
configure_source(struct watched_source *watched)
{
    const struct config *config = watched->poller->intake.config;
    struct schedule_settings settings =
        schedule_settings(config, watched->driver->capacity(watched->source));

    schedule_configure(watched->schedule, &settings, clock_monotonic_ns());
    for (struct guest *guest = watched->guests; guest; guest = guest->hh.next) {
        withdraw_disabled(watched->poller, guest);
        publish_health(guest);
    }
    take_turns(watched);
}

void
poller_configure(struct poller *poller, const struct config *config)
{
    struct watched_source **link = &poller->sources;

    poller->intake.config = config;
    while (*link) {
        struct watched_source *watched = *link;

        if (is_wanted(watched, config)) {
            configure_source(watched);
            link = &watched->next;
            continue;
        }
        *link = watched->next;
        stop_source(watched, clock_monotonic_ns()); /* without waiting */
    }
    for (size_t i = 0; i < config->sources_count; i++) {
        if (!is_watched(poller, &config->sources[i]))
            start_source(poller, &config->sources[i], config->sources_count > 1);
    }
}

static void
poller_closed(uv_handle_t *timer)
{
    free(timer->data);
}

bool
poller_stop(struct poller *poller, int64_t deadline_ns)
{
    bool ended = true;

    while (poller->sources) {
        struct watched_source *watched = poller->sources;

        poller->sources = watched->next;
        ended = stop_source(watched, deadline_ns) && ended;
    }
    uv_close((uv_handle_t *)&poller->housekeeping, poller_closed);
    return ended;
}
