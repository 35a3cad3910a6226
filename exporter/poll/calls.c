/* The calls of a watch: whose turn it is, what is asked, and what the answer means for
 * the guest's next turn. */
#include "poll/inside.h"

#include "agent/commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "guest/avoid.h"
#include "kit/memory.h"
#include "poll/first_pass.h"
#include "poll/publish.h"
#include "store/telemetry.h"

#include <stdlib.h>
#include <utlist.h>

/* What libvirt may add to a call's timeout (two syncs of its own, of 5 s) before the
 * call counts as hung. */
#define CALL_GRACE_NS (INT64_C(12) * 1000 * 1000 * 1000)

/* One call on its way. */
struct watch_call {
    struct call call;
    struct watch *watch;
    struct guest *guest;
    struct schedule_turn turn;
    struct watch_call *prev, *next; /* watch->calls */
};

void
watch_forget_guest(struct watch *watch, struct guest *guest)
{
    schedule_remove(watch->schedule, &guest->schedule);
    guest_free(guest);
}

void
watch_release(struct watch *watch, struct guest *guest, int64_t first_ns)
{
    schedule_release(watch->schedule, &guest->schedule, first_ns);
    guest_apply_avoids(guest, watch->schedule);
}

/* --- the end of a call --- */

/* The log tells when the call was due, and where its time went since. */
static void
account(const struct watch_call *call, const struct verdict *verdict, int64_t now_ns)
{
    struct telemetry *telemetry = call->watch->parts->telemetry;
    const struct guest *guest = call->guest;
    int64_t late_ns = call->call.answer.sent_mono_ns - call->turn.due_ns;
    int64_t took_ns =
        call->call.answer.received_mono_ns - call->call.answer.sent_mono_ns;

    telemetry_call(telemetry, commands_row(call->call.request.command),
                   verdict->outcome, took_ns);
    telemetry_lateness(telemetry, late_ns);
    if (verdict->failed)
        log_debug("a call failed", LOG_STR("domain", guest->name),
                  LOG_STR("collector", collectors[call->turn.collector]->name),
                  LOG_STR("reason", failure_kind_name(verdict->outcome)),
                  LOG_STR("error", guest->last_failure.text));
    if (verdict->broke_by)
        log_warn("the agent answers a command with what breaks its channel for "
                 "everybody; this guest is not asked it again; restart its agent to "
                 "mend the channel",
                 LOG_STR("domain", guest->name), LOG_STR("command", verdict->broke_by),
                 LOG_STR("error", call->call.answer.failure.text));
    if (verdict->slow_pattern)
        log_warn(
            "a pattern takes too long on what a guest says; what it does not decide "
            "in time is left out; write it with a fixed beginning, and without "
            "repeats inside of repeats",
            LOG_STR("domain", guest->name),
            LOG_STR("collector", collectors[call->turn.collector]->name),
            LOG_STR("pattern", verdict->slow_pattern));
    log_debug("a call has ended", LOG_STR("domain", guest->name),
              LOG_STR("command", call->call.request.command),
              LOG_STR("outcome", failure_kind_name(verdict->outcome)),
              LOG_NS("late", late_ns), LOG_NS("took", took_ns),
              LOG_NS("waited", now_ns - call->call.answer.received_mono_ns));
}

static void
free_call(struct watch_call *call)
{
    DL_DELETE(call->watch->calls, call);
    free(call->call.answer.reply);
    free(call);
}

/* Sets what the guest is asked next, and when.  The thaw makes everything due again. */
static void
tell_schedule(const struct watch_call *call, const struct verdict *verdict,
              int64_t now_ns)
{
    struct watch *watch = call->watch;
    struct schedule_guest *asked = call->turn.guest;
    size_t freeze = (size_t)collector_find(collector_freeze->name);

    guest_apply_avoids(call->guest, watch->schedule);
    schedule_done(watch->schedule, &call->turn, verdict->outcome,
                  call->call.answer.received_mono_ns - call->call.answer.sent_mono_ns,
                  now_ns);
    if (verdict->goes_on)
        schedule_continue(watch->schedule, asked, call->turn.collector, now_ns);
    switch (verdict->freeze) {
    case FREEZE_NO_STEP:
        break;
    case FREEZE_ASK:
        schedule_restrict(watch->schedule, asked, freeze, now_ns);
        break;
    case FREEZE_ASK_LATER:
        schedule_restrict(watch->schedule, asked, freeze, now_ns + SCHEDULE_FROZEN_NS);
        break;
    case FREEZE_OVER:
        watch_release(watch, call->guest, now_ns);
        break;
    }
}

/* Of a first visit, all is shown once it is over. */
static void
conclude(struct watch *watch, struct guest *guest, unsigned int changed, int64_t now_ns)
{
    if (!guest->first_visit_done) {
        if (first_pass_awaits(guest, now_ns))
            watch->progress_ns = now_ns;
        guest->first_visit_done = schedule_is_idle(&guest->schedule, now_ns) &&
                                  !schedule_is_put_off(&guest->schedule);
        changed |= guest->first_visit_done ? GUEST_HEALTH : 0;
    }
    if (publish(watch, guest, changed, now_ns))
        watch->parts->progressed(watch->parts->context);
    if (watch->driver->end_visit && (schedule_is_idle(&guest->schedule, now_ns) ||
                                     schedule_is_confined(&guest->schedule)))
        watch->driver->end_visit(watch->source, guest->key);
}

static void
call_done(struct call *carried)
{
    struct watch_call *call = carried->context;
    struct watch *watch = call->watch;
    struct guest *guest = call->guest;
    int64_t now_ns = clock_monotonic_ns(), cpu_ns = clock_thread_cpu_ns();
    struct verdict verdict =
        guest_answer(guest, &call->turn, &carried->answer, &watch->rules, now_ns);

    publish_series(watch, guest, &call->turn, &carried->answer, &verdict);
    /* Not the time that other processes of the host took meanwhile. */
    share_spend_loop(&guest->schedule.share, clock_thread_cpu_ns() - cpu_ns, now_ns);
    account(call, &verdict, now_ns);
    tell_schedule(call, &verdict, now_ns);
    if (guest->gone)
        watch_forget_guest(watch, guest);
    else
        conclude(watch, guest, verdict.changed, now_ns);
    free_call(call);
    watch_take_turns(watch);
}

/* --- calls to make --- */

/* The collector's command, or what its conversation wants to ask now. */
static struct request
next_request(struct guest *guest, size_t collector)
{
    if (!collectors[collector]->next)
        return (struct request){.command = collectors[collector]->command};
    return *guest_converse(guest, collector);
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
    const struct config *config = watch->rules.config;
    struct watch_call *call = memory_new(1, sizeof(*call));

    DL_APPEND(watch->calls, call);
    call->watch = watch;
    call->turn = *turn;
    call->guest =
        (struct guest *)((char *)turn->guest - offsetof(struct guest, schedule));
    call->call = (struct call){
        .guest_key = call->guest->key,
        .request = next_request(call->guest, turn->collector),
        .timeout_ns = config->collectors[turn->collector].timeout_ns,
        .reply_bytes_max = config->limits.reply_bytes,
        .done = call_done,
        .context = call,
    };
    set_deadline(call, now_ns);
    if (call->guest->first_asked_ns == 0)
        call->guest->first_asked_ns = now_ns;
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
        mailbox_coalesce_no_more(mailbox);
    else if (sent)
        mailbox_coalesce(mailbox);
    if (!waits)
        mailbox_start_timer(&watch->turn, turn_due, wake_ns, at_once);
}

static void
give_up(struct watch *watch, struct watch_call *call)
{
    if (call->turn.given_up)
        return;
    log_warn(
        "a call to a guest's agent does not come back from its source; others take "
        "its place, and the guest is not asked before it does",
        LOG_STR("domain", call->guest->name),
        LOG_STR("command", call->call.request.command));
    schedule_give_up(watch->schedule, &call->turn);
}

void
watch_review_calls(struct watch *watch, int64_t now_ns)
{
    struct watch_call *call;

    DL_FOREACH (watch->calls, call) {
        switch (watch->driver->stage(watch->source, &call->call)) {
        case CALL_WAITS: /* it says nothing of its guest */
            if (now_ns > call->guest->call_deadline_ns)
                set_deadline(call, now_ns);
            break;
        case CALL_RUNS:
            break;
        case CALL_GIVEN_UP:
            give_up(watch, call);
            break;
        }
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
            watch_forget_guest(watch, call->guest);
        free_call(call);
    }
}
