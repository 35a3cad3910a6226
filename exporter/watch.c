/* A source under watch: its guests, whose turn it is, and the calls in flight. */
#include "watch.h"

#include "clock.h"
#include "commands.h"
#include "guest.h"
#include "intake.h"
#include "log.h"
#include "mailbox.h"
#include "memory.h"
#include "schedule.h"
#include "source.h"
#include "store.h"
#include "telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <uv.h>

/* Transitions of one guest in the log: so many at once, and then one in so long. */
#define LOG_BURST 60
#define LOG_EACH_NS (INT64_C(20) * 1000 * 1000 * 1000)
/* A channel that has just opened, a domain that has just resumed: let the guest
 * breathe. */
#define SETTLE_NS (INT64_C(200) * 1000 * 1000)
/* Guests found at the start (or at a reconnect) are first asked one after the other, so
 * that a host with a thousand of them sees no burst. */
#define SPREAD_NS (INT64_C(20) * 1000 * 1000)
/* The most that the budget of a guest is by itself; the config may say more. */
#define CALLS_PER_MINUTE_MAX 1200U
/* What libvirt may add to a call's timeout (its own sync) before the call counts as
 * hung. */
#define CALL_GRACE_NS (INT64_C(6) * 1000 * 1000 * 1000)

/* Longer than a call that comes back ever takes: libvirt waits for another client of
 * the agent for 30 s, syncs twice for 5 s, and then asks.  A daemon that hangs is not
 * waited for any longer. */
#define FIRST_PASS_PATIENCE_NS (INT64_C(60) * 1000 * 1000 * 1000)

/* ~ and a number, where two guests of a source have one name. */
#define NAME_SUFFIX_BYTES 12

static const struct source_driver *const drivers[] = {
    [SOURCE_LIBVIRT] = &source_libvirt,
    [SOURCE_SOCKET] = &source_socket,
};

/* A source and the guests it announced. */
struct watch {
    const struct watch_parts *parts;
    struct intake intake;
    const struct source_driver *driver;
    struct source *source;
    struct source_config identity; /* to find it again at a reload; owned */
    struct schedule *schedule;
    size_t telemetry_row;
    bool labelled; /* series carry the label `source` */
    bool up, tried, paused;
    bool surveyed; /* every guest was asked once, or found not to answer */
    char away[FAILURE_TEXT_BYTES]; /* why it is not up; "" */
    int64_t progress_ns;           /* CLOCK_MONOTONIC; of the first pass, the last */
    int64_t spread_ns;             /* when the next guest of a list is first asked */
    struct guest *guests;
    struct guest *names;      /* the same by their names */
    struct watch_call *calls; /* in flight */
    struct source_listener listener;
    uv_timer_t turn;
};

/* One call on its way. */
struct watch_call {
    struct call call;
    struct watch *watch;
    struct guest *guest;
    struct schedule_turn turn;
    struct watch_call *prev, *next; /* watch->calls */
};

static void take_turns(struct watch *watch);

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

/* A guest whose agent comes and goes all day does not fill the log: a few lines at
 * once, and then one now and then. */
static enum log_level
transition_level(struct guest *guest, enum agent_state state)
{
    int64_t now_ns = clock_monotonic_ns();

    if (guest->log_spent_ns > now_ns + (LOG_BURST - 1) * LOG_EACH_NS)
        return LOG_DEBUG;
    if (guest->log_spent_ns < now_ns)
        guest->log_spent_ns = now_ns;
    guest->log_spent_ns += LOG_EACH_NS;
    return is_trouble(state) ? LOG_WARN : LOG_INFO;
}

static void
log_transition(struct guest *guest, enum agent_state state)
{
    const char *error =
        guest->last_failure.kind != FAILURE_NONE ? guest->last_failure.text : "";

    log_write(transition_level(guest, state), __FILE__, __LINE__,
              is_trouble(state) ? "the guest agent is in trouble"
                                : "the guest agent's state",
              LOG_STR("domain", guest->name), LOG_STR("state", agent_state_name(state)),
              LOG_STR("was", agent_state_name(guest->last_state)),
              LOG_STR("error", error), LOG_END);
}

static void
publish_health(struct guest *guest)
{
    struct watch *watch = guest->source;
    const struct intake *intake = &watch->intake;
    enum agent_state state =
        guest_state(guest, clock_monotonic_ns(), intake->config->health.starting_ns);

    if (state != guest->last_state)
        log_transition(guest, state);
    guest->discovery_stale |= state != guest->last_state;
    guest->last_state = state;
    guest->health_stale = false;
    guest->frozen_for_ns = clock_monotonic_ns() - guest->frozen_since_ns;
    intake_health(intake, guest, state,
                  schedule_is_backing_off(watch->schedule, &guest->schedule));
}

/* --- the first pass --- */

bool
watch_has_passed(const struct watch *watch, int64_t now_ns)
{
    if (watch->paused || now_ns - watch->progress_ns > FIRST_PASS_PATIENCE_NS)
        return true;
    if (!watch->up)
        return watch->tried;
    for (const struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        if (guest_is_askable(guest) && !guest->first_visit_done &&
            !schedule_asks_nothing(&guest->schedule))
            return false;
    }
    return true;
}

const char *
watch_lacks(struct watch *watch)
{
    if (!watch->up)
        return "a source of guests is away";
    if (!intake_asks_addresses(&watch->intake))
        return "no guest is asked for its addresses, because the collector network is "
               "off";
    watch->surveyed |= !watch->paused && watch_has_passed(watch, clock_monotonic_ns());
    return watch->surveyed ? NULL
                           : "not all guests have been asked for their addresses yet";
}

bool
watch_all_answered(const struct watch *watch)
{
    if (!watch->up)
        return false;
    for (const struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        if (!guest->opted_out && guest->last_state != AGENT_RESPONSIVE)
            return false;
    }
    return true;
}

/* --- calls --- */

static void
forget_guest(struct guest *guest)
{
    schedule_remove(guest->source->schedule, &guest->schedule);
    guest_free(guest);
}

/* Whether the command is known to do harm in such a guest. */
static bool
is_harmful(const struct config *config, const struct guest *guest, size_t collector)
{
    const char *os = *guest->told.os_id ? guest->told.os_id : guest->os_hint;
    const char *version = guest->told.agent_version;
    const char *command = collectors[collector]->command;

    return harm_find(config->avoid.rules, config->avoid.rules_count, os, version,
                     command) ||
           (config->avoid.known_harm &&
            harm_find(harm_known, harm_known_count, os, version, command));
}

/* What is not asked: what the agent does not have, and what does harm. */
static void
block_commands(struct watch *watch, struct guest *guest)
{
    for (size_t i = 0; i < collectors_count; i++) {
        struct guest_collector *collector = &guest->collectors[i];

        collector->harmful = is_harmful(watch->intake.config, guest, i);
        schedule_block(watch->schedule, &guest->schedule, i,
                       collector->status == COMMAND_MISSING ||
                           collector->status == COMMAND_DISABLED ||
                           collector->harmful || collector->quarantined ||
                           collector->unsettled);
    }
}

static void
release(struct watch *watch, struct guest *guest, int64_t first_ns)
{
    schedule_release(watch->schedule, &guest->schedule, first_ns);
    block_commands(watch, guest);
}

/* A reply that does not parse closes libvirt's way to the agent for everybody.  The
 * command that did it is not sent to this guest again. */
static void
quarantine(struct guest *guest, const struct watch_call *call)
{
    size_t culprit = call->turn.collector;

    if (call->call.channel == CALL_FOUND_CHANNEL_BROKEN)
        culprit = guest->last_collector;
    bool ours = call->call.channel != CALL_CHANNEL_WHOLE && culprit < collectors_count;

    guest->last_collector =
        call->call.channel == CALL_CHANNEL_WHOLE ? call->turn.collector : SIZE_MAX;
    if (!ours || guest->collectors[culprit].quarantined)
        return;
    guest->collectors[culprit].quarantined = true;
    log_warn("the agent answers a command with what breaks its channel for everybody; "
             "this guest is not asked it again; restart its agent to mend the channel",
             LOG_STR("domain", guest->name),
             LOG_STR("command", collectors[culprit]->command),
             LOG_STR("error", call->call.failure.text));
}

static void
account(const struct watch_call *call, enum failure_kind outcome)
{
    telemetry_call(call->watch->parts->telemetry, commands_row(call->call.command),
                   outcome, call->call.received_mono_ns - call->call.sent_mono_ns);
}

static void
free_call(struct watch_call *call)
{
    DL_DELETE(call->watch->calls, call);
    free(call->call.reply);
    free(call);
}

/* While the filesystems are frozen, or seem so, only that is asked; the thaw makes
 * everything due again. */
static void
follow_freeze(struct watch *watch, struct guest *guest, enum failure_kind outcome,
              int64_t now_ns)
{
    bool restricted = guest->schedule.restricted;
    bool thawed = guest_is_surely_thawed(guest, now_ns);

    if ((guest->frozen || outcome == FAILURE_FROZEN) && !restricted) {
        /* One that says it is frozen, and has just said the contrary, is not asked at
         * once: it may say both for ever. */
        bool contradicts = thawed && guest->last_failure.kind == FAILURE_FROZEN;

        schedule_restrict(watch->schedule, &guest->schedule,
                          (size_t)collector_find(collector_freeze->name),
                          contradicts ? now_ns + SCHEDULE_FROZEN_NS : now_ns);
    } else if (restricted && !guest->schedule.held && thawed) {
        release(watch, guest, now_ns);
    }
}

/* What a call's end changes beyond the call itself.  Health that only counts on is
 * published by the next review, within a second: it is half of the work of a call. */
static void
conclude(struct watch *watch, struct guest *guest, enum failure_kind outcome,
         int64_t now_ns)
{
    follow_freeze(watch, guest, outcome, now_ns);
    bool visited = guest->first_visit_done;
    enum agent_state state =
        guest_state(guest, now_ns, watch->intake.config->health.starting_ns);

    if (!visited)
        watch->progress_ns = now_ns;
    guest->first_visit_done |= schedule_is_idle(&guest->schedule, now_ns);
    guest->health_stale = true;
    if (outcome == FAILURE_NONE && visited == guest->first_visit_done &&
        state == guest->last_state)
        return;
    publish_health(guest);
    watch->parts->progressed(watch->parts->context);
}

static void
call_done(struct call *carried)
{
    struct watch_call *call = carried->context;
    struct watch *watch = call->watch;
    struct guest *guest = call->guest;
    size_t collector = call->turn.collector;
    int64_t now_ns = clock_monotonic_ns();
    enum failure_kind outcome = carried->failure.kind;

    if (!guest->gone && call->turn.epoch == guest->schedule.epoch) {
        bool publish = watch->intake.config->collectors[collector].enabled;

        outcome = intake_answer(&watch->intake, guest, collector, publish, carried);
        quarantine(guest, call);
        block_commands(watch, guest);
    } else if (!guest->gone) {
        intake_late_answer(&watch->intake, guest, collector, carried);
        block_commands(watch, guest);
    }
    account(call, outcome);
    schedule_done(watch->schedule, &call->turn, outcome,
                  carried->received_mono_ns - carried->sent_mono_ns, now_ns);
    if (guest->gone) {
        forget_guest(guest);
    } else {
        if (guest->collectors[collector].conversation.open)
            schedule_continue(watch->schedule, &guest->schedule, collector, now_ns);
        conclude(watch, guest, outcome, now_ns);
    }
    free_call(call);
    take_turns(watch);
}

/* What the collector's conversation wants to ask now. */
static void
ask_next(struct guest *guest, size_t collector, struct call *call)
{
    struct guest_collector *state = &guest->collectors[collector];
    const struct request *request = conversation_request(
        collectors[collector], &state->conversation, state->memory);

    call->command = request->command;
    memcpy(call->arguments, request->arguments, sizeof call->arguments);
}

static void
send_call(struct watch *watch, const struct schedule_turn *turn, int64_t now_ns)
{
    const struct config *config = watch->intake.config;
    struct watch_call *call = memory_new(1, sizeof *call);

    DL_APPEND(watch->calls, call);
    call->watch = watch;
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
    if (collectors[turn->collector]->next)
        ask_next(call->guest, turn->collector, &call->call);
    telemetry_lateness(watch->parts->telemetry, now_ns - turn->due_ns);
    watch->driver->call(watch->source, &call->call);
}

/* Sends all that is due and can go out, and sets the timer for what comes next.  Where
 * nothing waits for a lane, answers may wait for the next tick, and so may what is due.
 */
static void
take_turns(struct watch *watch)
{
    struct mailbox *mailbox = watch->parts->mailbox;
    struct schedule_turn turn;
    int64_t now_ns = clock_monotonic_ns();
    bool sent = false;

    uv_timer_stop(&watch->turn);
    if (watch->paused)
        return;
    while (schedule_next(watch->schedule, now_ns, &turn)) {
        send_call(watch, &turn, now_ns);
        sent = true;
    }
    int64_t wake_ns = schedule_wake_ns(watch->schedule);

    if (wake_ns == INT64_MAX) {
        mailbox_hurry(mailbox); /* every lane is in use: the next answer frees one */
        return;
    }
    if (sent)
        mailbox_gather(mailbox);
    int64_t wait_ms = (mailbox_tick_ns(wake_ns) - now_ns + 999999) / 1000000;

    uv_update_time(watch->parts->loop);
    uv_timer_start(&watch->turn, turn_due, (uint64_t)(wait_ms > 0 ? wait_ms : 0), 0);
}

/* --- what sources announce --- */

static int64_t
first_call_ns(struct watch *watch)
{
    int64_t now_ns = clock_monotonic_ns();

    if (watch->parts->at_once)
        return now_ns;
    if (watch->up)
        return now_ns + SETTLE_NS; /* one guest, now */
    if (watch->spread_ns < now_ns)
        watch->spread_ns = now_ns;
    watch->spread_ns += SPREAD_NS; /* one of a list */
    return watch->spread_ns;
}

static struct guest *
find_guest(struct watch *watch, const char *key)
{
    struct guest *guest;

    HASH_FIND_STR(watch->guests, key, guest);
    return guest;
}

static void
drop_guest(struct watch *watch, struct guest *guest)
{
    HASH_DEL(watch->guests, guest);
    HASH_DELETE(by_name, watch->names, guest);
    store_guest_remove(watch->parts->store, guest->place);
    schedule_hold(watch->schedule, &guest->schedule);
    if (guest->schedule.in_flight)
        guest->gone = true; /* freed when its call comes back */
    else
        forget_guest(guest);
}

static struct guest *
find_name(struct watch *watch, const char *name)
{
    struct guest *guest;

    HASH_FIND(by_name, watch->names, name, strlen(name), guest);
    return guest;
}

/* The name, or with a suffix where another guest of the source has it: identities are
 * unique.  Kept for the guest's life; caller frees. */
static char *
unique_name(struct watch *watch, const struct guest_facts *facts)
{
    size_t bytes = strlen(facts->name) + NAME_SUFFIX_BYTES;
    char *name = memory_new(bytes, 1);
    struct guest *holder = find_name(watch, facts->name);

    snprintf(name, bytes, "%s", facts->name);
    /* One that was not seen since the source came again was replaced by this one. */
    if (holder && !holder->seen)
        drop_guest(watch, holder);
    if (!find_name(watch, name))
        return name;
    for (unsigned int number = 2; find_name(watch, name); number++)
        snprintf(name, bytes, "%s~%u", facts->name, number);
    telemetry_name_conflict(watch->parts->telemetry);
    log_warn("two guests of a source have one name; give them names of their own, or "
             "let guest_name take in more of the path",
             LOG_STR("name", facts->name), LOG_STR("domain", name),
             LOG_STR("key", facts->key));
    return name;
}

static struct guest *
add_guest(struct watch *watch, const struct guest_facts *facts)
{
    struct guest_facts named = *facts;
    char *name = unique_name(watch, facts);

    named.name = name;
    struct guest *guest =
        guest_new(watch, &named, watch->labelled ? watch->identity.name : NULL);

    free(name);
    guest->incarnation = facts->incarnation;
    guest->schedule.held = true;
    guest->place = store_guest_add(watch->parts->store, guest->identity);
    schedule_add(watch->schedule, &guest->schedule, guest->identity, 0);
    HASH_ADD_KEYPTR(hh, watch->guests, guest->key, strlen(guest->key), guest);
    HASH_ADD_KEYPTR(by_name, watch->names, guest->name, strlen(guest->name), guest);
    return guest;
}

static void
take_facts(struct guest *guest, const struct guest_facts *facts)
{
    guest_define(guest, facts->definition);
    if (facts->incarnation != guest->incarnation)
        guest_locate(guest, NULL, 0);
    if (facts->just_started || facts->incarnation != guest->incarnation)
        guest->started_ns = clock_monotonic_ns();
    guest->incarnation = facts->incarnation;
    guest->domain = facts->domain;
    guest->channel = facts->channel;
    guest->opted_out = facts->opted_out;
    snprintf(guest->os_hint, sizeof guest->os_hint, "%s",
             facts->os_hint ? facts->os_hint : "");
    guest->source_is_up = true;
    guest->seen = true;
}

static bool
is_wanted(const struct watch *watch, const struct guest_facts *facts)
{
    const char *const *wanted = watch->parts->only;

    if (!wanted || !*wanted)
        return true;
    for (; *wanted; wanted++) {
        if (strcmp(*wanted, facts->name) == 0 || strcmp(*wanted, facts->uuid) == 0)
            return true;
    }
    return false;
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct watch *watch = context;
    struct guest *guest = find_guest(watch, facts->key);

    (void)source;
    if (!is_wanted(watch, facts))
        return;
    /* One whose agent comes and goes holds up nobody's first pass. */
    if (guest && facts->agent_came)
        guest->first_visit_done = true;
    if (!guest)
        guest = add_guest(watch, facts);

    bool was_askable = guest_is_askable(guest);
    bool anew = facts->agent_came || guest->incarnation != facts->incarnation;

    take_facts(guest, facts);
    bool is_askable = guest_is_askable(guest);

    if (is_askable && (!was_askable || anew)) {
        guest_agent_anew(guest, anew);
        release(watch, guest, first_call_ns(watch));
    } else if (!is_askable) {
        schedule_hold(watch->schedule, &guest->schedule);
    } else if (facts->agent_woke) {
        schedule_hurry(watch->schedule, &guest->schedule, first_call_ns(watch));
    }
    publish_health(guest);
    watch->parts->progressed(watch->parts->context);
    take_turns(watch);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    struct watch *watch = context;
    struct guest *guest = find_guest(watch, key);

    (void)source;
    if (!guest)
        return;
    log_info("the domain has stopped", LOG_STR("domain", guest->name));
    drop_guest(watch, guest);
    watch->parts->progressed(watch->parts->context);
}

static void
source_up(void *context, struct source *source)
{
    struct watch *watch = context;
    struct guest *guest, *next;

    (void)source;
    watch->up = watch->tried = true;
    watch->progress_ns = clock_monotonic_ns();
    HASH_ITER (hh, watch->guests, guest, next) {
        if (!guest->seen)
            drop_guest(watch, guest);
    }
    watch->parts->progressed(watch->parts->context);
}

static void
source_down(void *context, struct source *source, const char *why)
{
    struct watch *watch = context;
    struct guest *guest, *next;

    (void)source;
    snprintf(watch->away, sizeof watch->away, "%s", why ? why : "");
    watch->up = false;
    watch->tried = true;
    HASH_ITER (hh, watch->guests, guest, next) {
        guest->source_is_up = guest->seen = false;
        schedule_hold(watch->schedule, &guest->schedule);
        publish_health(guest);
    }
    watch->parts->progressed(watch->parts->context);
}

void
watch_visit(const struct watch *watch, const struct watch_visitor *visitor)
{
    visitor->source(visitor->context, &watch->identity, watch->up, watch->away);
    for (const struct guest *guest = watch->guests; guest; guest = guest->hh.next)
        visitor->guest(visitor->context, &watch->identity, guest);
}

/* --- once a second --- */

void
watch_review(struct watch *watch, size_t *guests_by_state)
{
    const struct config *config = watch->intake.config;
    int64_t now_ns = clock_monotonic_ns();

    schedule_set_capacity(watch->schedule, watch->driver->capacity(watch->source));
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        if (guest->health_stale ||
            guest_state(guest, now_ns, config->health.starting_ns) != guest->last_state)
            publish_health(guest);
        guests_by_state[guest->last_state]++;
    }
    take_turns(watch);
}

/* --- start, reload, stop --- */

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
schedule_settings(const struct config *config, unsigned int capacity)
{
    struct schedule_settings settings = {
        .capacity = capacity,
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
    }
    return settings;
}

struct watch *
watch_start(const struct watch_parts *parts, const struct source_config *source,
            bool labelled, const struct config *config)
{
    struct watch *watch = memory_new(1, sizeof *watch);
    struct schedule_settings settings = schedule_settings(config, 1);

    watch->parts = parts;
    watch->intake = intake_new(config, parts->store);
    watch->driver = drivers[source->kind];
    watch->labelled = labelled;
    watch->progress_ns = clock_monotonic_ns();
    source_config_copy(&watch->identity, source);
    watch->schedule = schedule_new(&settings);
    watch->telemetry_row = telemetry_source_add(parts->telemetry, source->name);
    watch->listener = (struct source_listener){
        .guest_seen = guest_seen,
        .guest_gone = guest_gone,
        .source_up = source_up,
        .source_down = source_down,
        .context = watch,
    };
    uv_timer_init(parts->loop, &watch->turn);
    watch->turn.data = watch;
    watch->source =
        watch->driver->start(source, parts->loop, parts->mailbox, &watch->listener,
                             parts->telemetry, watch->telemetry_row);
    schedule_set_capacity(watch->schedule, watch->driver->capacity(watch->source));
    return watch;
}

bool
watch_is_of(const struct watch *watch, const struct source_config *source,
            bool labelled)
{
    return watch->labelled == labelled &&
           source_config_is_same(&watch->identity, source);
}

static void
watch_closed(uv_handle_t *timer)
{
    free(timer->data);
}

/* No call comes back from here on: those in flight are the lanes' that are left. */
static void
abandon_calls(struct watch *watch)
{
    struct watch_call *call, *next;

    DL_FOREACH_SAFE(watch->calls, call, next)
    {
        call->guest->schedule.in_flight = false;
        if (call->guest->gone)
            forget_guest(call->guest);
        free_call(call);
    }
}

bool
watch_stop(struct watch *watch, int64_t deadline_ns)
{
    struct guest *guest, *next;
    bool ended = watch->driver->stop(watch->source, deadline_ns);

    abandon_calls(watch);
    HASH_ITER (hh, watch->guests, guest, next) {
        drop_guest(watch, guest);
    }
    telemetry_source_remove(watch->parts->telemetry, watch->telemetry_row);
    schedule_free(watch->schedule);
    intake_free(&watch->intake);
    source_config_clear(&watch->identity);
    uv_close((uv_handle_t *)&watch->turn, watch_closed);
    return ended;
}

static void
review_series(const struct watch *watch, struct guest *guest)
{
    guest->definition_stale = guest->discovery_stale = true;
    for (size_t i = 0; i < collectors_count; i++) {
        guest->collectors[i].reply_hash = 0; /* the filters may be others now */
        if (watch->intake.config->collectors[i].enabled)
            continue;
        if (collectors[i]->addresses)
            guest_locate(guest, NULL, 0);
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
    for (struct guest *guest = watch->guests; guest && resumed; guest = guest->hh.next)
        schedule_reset(watch->schedule, &guest->schedule, clock_monotonic_ns());
    take_turns(watch);
}

bool
watch_finish(struct watch *watch)
{
    bool open = false;

    watch->intake.finishing = true;
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        size_t talking = collectors_count;

        for (size_t i = 0; i < collectors_count; i++) {
            if (guest->collectors[i].conversation.open)
                talking = i;
        }
        if (talking == collectors_count || !guest_is_askable(guest) || guest->frozen) {
            schedule_hold(watch->schedule, &guest->schedule);
            continue;
        }
        open = true;
        if (!guest->schedule.restricted)
            schedule_restrict(watch->schedule, &guest->schedule, talking,
                              clock_monotonic_ns());
    }
    take_turns(watch);
    return !open;
}

void
watch_configure(struct watch *watch, const struct config *config)
{
    struct schedule_settings settings =
        schedule_settings(config, watch->driver->capacity(watch->source));

    intake_configure(&watch->intake, config);
    schedule_configure(watch->schedule, &settings);
    for (struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        schedule_reset(watch->schedule, &guest->schedule, clock_monotonic_ns());
        block_commands(watch, guest);
        review_series(watch, guest);
        publish_health(guest);
    }
    take_turns(watch);
}
