/* The calls of a watch: whose turn it is, what is asked, and what the answer means for
 * the guest's next turn. */
#include "poll/inside.h"

#include "agent/commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "kit/memory.h"
#include "poll/health.h"
#include "store/telemetry.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* What libvirt may add to a call's timeout (its own sync) before the call counts as
 * hung. */
#define CALL_GRACE_NS (INT64_C(6) * 1000 * 1000 * 1000)

/* One call on its way. */
struct watch_call {
    struct call call;
    struct watch *watch;
    struct guest *guest;
    struct schedule_turn turn;
    struct watch_call *prev, *next; /* watch->calls */
};

void
watch_forget_guest(struct guest *guest)
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

void
watch_block_commands(struct watch *watch, struct guest *guest)
{
    bool was_another = guest->another;

    guest->another = false;
    for (size_t i = 0; i < collectors_count; i++) {
        struct guest_collector *collector = &guest->collectors[i];

        if (was_another)
            collector->harmful = is_harmful(watch->intake.config, guest, i);
        schedule_block(watch->schedule, &guest->schedule, i,
                       collector->status == COMMAND_MISSING ||
                           collector->status == COMMAND_DISABLED ||
                           collector->harmful || collector->quarantined ||
                           collector->unsettled);
    }
}

void
watch_release(struct watch *watch, struct guest *guest, int64_t first_ns)
{
    schedule_release(watch->schedule, &guest->schedule, first_ns);
    watch_block_commands(watch, guest);
}

/* A reply that does not parse closes libvirt's way to the agent for everybody.  The
 * command that did it is not sent to this guest again. */
static void
quarantine(struct guest *guest, const struct watch_call *call)
{
    size_t culprit = call->turn.collector;

    if (call->call.answer.channel == CALL_FOUND_CHANNEL_BROKEN)
        culprit = guest->last_collector;
    bool ours =
        call->call.answer.channel != CALL_CHANNEL_WHOLE && culprit < collectors_count;

    guest->last_collector = call->call.answer.channel == CALL_CHANNEL_WHOLE
                                ? call->turn.collector
                                : SIZE_MAX;
    if (!ours || guest->collectors[culprit].quarantined)
        return;
    guest->collectors[culprit].quarantined = true;
    log_warn("the agent answers a command with what breaks its channel for everybody; "
             "this guest is not asked it again; restart its agent to mend the channel",
             LOG_STR("domain", guest->name),
             LOG_STR("command", collectors[culprit]->command),
             LOG_STR("error", call->call.answer.failure.text));
}

/* The log tells when the call was due, and where its time went since. */
static void
account(const struct watch_call *call, enum failure_kind outcome, int64_t now_ns)
{
    struct telemetry *telemetry = call->watch->parts->telemetry;
    int64_t late_ns = call->call.answer.sent_mono_ns - call->turn.due_ns;
    int64_t took_ns =
        call->call.answer.received_mono_ns - call->call.answer.sent_mono_ns;

    telemetry_call(telemetry, commands_row(call->call.request.command), outcome,
                   took_ns);
    telemetry_lateness(telemetry, late_ns);
    log_debug("a call has ended", LOG_STR("domain", call->guest->name),
              LOG_STR("command", call->call.request.command),
              LOG_STR("outcome", failure_kind_name(outcome)), LOG_NS("late", late_ns),
              LOG_NS("took", took_ns),
              LOG_NS("waited", now_ns - call->call.answer.received_mono_ns));
}

static void
free_call(struct watch_call *call)
{
    DL_DELETE(call->watch->calls, call);
    free(call->call.answer.reply);
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
        watch_release(watch, guest, now_ns);
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
    watch_publish_health(guest, now_ns);
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
    enum failure_kind outcome = carried->answer.failure.kind;

    if (!guest->gone && call->turn.epoch == guest->schedule.epoch) {
        bool publish = watch->intake.config->collectors[collector].enabled;

        outcome = intake_answer(&watch->intake, guest, collector, publish, carried);
        quarantine(guest, call);
        watch_block_commands(watch, guest);
    } else if (!guest->gone) {
        intake_late_answer(&watch->intake, guest, collector, carried);
        watch_block_commands(watch, guest);
    }
    account(call, outcome, now_ns);
    schedule_done(watch->schedule, &call->turn, outcome,
                  carried->answer.received_mono_ns - carried->answer.sent_mono_ns,
                  now_ns);
    if (guest->gone) {
        watch_forget_guest(guest);
    } else {
        if (guest->collectors[collector].conversation.open)
            schedule_continue(watch->schedule, &guest->schedule, collector, now_ns);
        conclude(watch, guest, outcome, now_ns);
    }
    free_call(call);
    watch_take_turns(watch);
}

/* What the collector's conversation wants to ask now. */
static void
ask_next(struct guest *guest, size_t collector, struct call *call)
{
    struct guest_collector *state = &guest->collectors[collector];

    call->request = *conversation_request(collectors[collector], &state->conversation,
                                          state->memory);
}

/* From when on the guest counts as hung. */
static void
set_deadline(struct watch_call *call, int64_t now_ns)
{
    call->guest->call_deadline_ns = now_ns + call->call.timeout_ns + CALL_GRACE_NS;
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
    call->call = (struct call){
        .guest_key = call->guest->key,
        .request = {.command = collectors[turn->collector]->command},
        .timeout_ns = config->collectors[turn->collector].timeout_ns,
        .reply_bytes_max = config->limits.reply_bytes,
        .done = call_done,
        .context = call,
    };
    if (collectors[turn->collector]->next)
        ask_next(call->guest, turn->collector, &call->call);
    set_deadline(call, now_ns);
    watch->driver->call(watch->source, &call->call);
}

static void
turn_due(uv_timer_t *timer)
{
    watch_take_turns(timer->data);
}

/* Where nobody waits for a lane, answers may wait for the next tick, and so may what is
 * due; unless all is wanted at once. */
void
watch_take_turns(struct watch *watch)
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
    bool waits = wake_ns == INT64_MAX; /* the next answer makes room */
    bool at_once = watch->parts->at_once;

    if (waits || at_once)
        mailbox_hurry(mailbox);
    else if (sent)
        mailbox_gather(mailbox);
    if (!waits)
        mailbox_start_timer(&watch->turn, turn_due, wake_ns, at_once);
}

/* A call that still waits for its lane says nothing of its guest. */
void
watch_excuse_waiting(struct watch *watch, int64_t now_ns)
{
    struct watch_call *call;

    DL_FOREACH (watch->calls, call) {
        if (now_ns > call->guest->call_deadline_ns &&
            watch->driver->is_waiting(watch->source, &call->call))
            set_deadline(call, now_ns);
    }
}

void
watch_abandon_calls(struct watch *watch)
{
    struct watch_call *call, *next;

    DL_FOREACH_SAFE(watch->calls, call, next)
    {
        call->guest->schedule.in_flight = false;
        if (call->guest->gone)
            watch_forget_guest(call->guest);
        free_call(call);
    }
}
