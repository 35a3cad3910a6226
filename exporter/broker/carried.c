/* Calls on their way, for another process. */
#include "broker/inside.h"

#include "agent/commands.h"
#include "base/clock.h"
#include "base/mailbox.h"
#include "config/collectors.h"
#include "kit/memory.h"
#include "source/answer.h"

#include <stdlib.h>
#include <utlist.h>

#define REPLY_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of the configuration */
#define CALL_PAID_NS (NS_PER_S / BROKER_CALLS_PER_S)

static void
tell_answer(struct broker *broker, int64_t number, const struct answer *answer,
            enum channel_haste haste)
{
    struct text message = TEXT_INIT(TELL_BYTES_MAX);

    bytes_put_number(&message, number);
    message_put_answer(&message, answer);
    channel_tell(broker->channel, TELL_ANSWER, &message, haste);
}

static void
refuse_call(struct broker *broker, int64_t number, struct answer answer)
{
    tell_answer(broker, number, &answer, CHANNEL_NOW);
}

static struct answer
not_now(void)
{
    return answer_unsent(FAILURE_NOT_RUNNING, "the guest is not to be asked now");
}

void
carried_free(struct carried *carried)
{
    carried->served->in_flight--;
    DL_DELETE(carried->served->broker->carried, carried);
    free(carried->call.answer.reply);
    free(carried->call.guest_key);
    free(carried);
}

/* Where no lane is free, somebody waits for one. */
static void
call_done(struct call *call)
{
    struct carried *carried = call->context;
    struct served *served = carried->served;
    struct broker *broker = served->broker;
    bool is_full = served->in_flight >= served->capacity.lanes;

    served_call_back(served, call->guest_key);
    if (!carried->is_deserted)
        tell_answer(broker, carried->number, &call->answer,
                    is_full ? CHANNEL_NOW : CHANNEL_SOON);
    carried_free(carried);
    if (!broker->carried)
        mailbox_coalesce_no_more(broker->parts.mailbox);
}

/* Whether the guest has been asked too much. */
static bool
is_overdrawn(struct charge *charge, int64_t now_ns)
{
    int64_t burst_ns = BROKER_CALLS_BURST * CALL_PAID_NS;

    if (charge->paid_ns > now_ns + burst_ns)
        return true;
    charge->paid_ns =
        (charge->paid_ns > now_ns ? charge->paid_ns : now_ns) + CALL_PAID_NS;
    return false;
}

static void
hand_over(struct carried *carried)
{
    struct served *served = carried->served;

    carried->is_early = false;
    served->driver->call(served->source, &carried->call);
}

/* It may have been told meanwhile not to ask the guest. */
static void
take_up(struct carried *carried, int64_t now_ns)
{
    struct served *served = carried->served;
    const struct charge *charge = served_find(served, carried->call.guest_key);

    if (charge && charge->may_be_asked && !carried->is_deserted) {
        if (charge->free_ns <= now_ns)
            hand_over(carried);
        return;
    }
    carried->call.answer = not_now();
    call_done(&carried->call);
}

void
carried_review(uv_timer_t *gap)
{
    struct broker *broker = gap->data;
    int64_t now_ns = clock_monotonic_ns();
    struct carried *carried, *next;
    bool is_any_early = false;

    DL_FOREACH_SAFE(broker->carried, carried, next)
    {
        if (carried->is_early)
            take_up(carried, now_ns);
    }
    DL_FOREACH (broker->carried, carried) {
        is_any_early |= carried->is_early;
    }
    if (!is_any_early)
        (void)uv_timer_stop(gap);
}

static void
carry(struct served *served, struct charge *charge, const struct asked_call *asked,
      const struct request *request)
{
    struct broker *broker = served->broker;
    struct carried *carried = memory_new(1, sizeof(*carried));

    charge->is_asked = true;
    served->in_flight++;
    carried->served = served;
    carried->number = asked->number;
    carried->call = (struct call){
        .guest_key = memory_string(charge->key),
        .request = *request,
        .timeout_ns = asked->timeout_ns,
        .reply_bytes_max = asked->reply_bytes_max,
        .done = call_done,
        .context = carried,
    };
    DL_APPEND(broker->carried, carried);
    carried->is_early = charge->free_ns > clock_monotonic_ns();
    if (!carried->is_early)
        hand_over(carried);
    else if (!uv_is_active((const uv_handle_t *)&broker->gap))
        (void)uv_timer_start(&broker->gap, carried_review, 1, 1);
    if (served->in_flight < served->capacity.lanes)
        mailbox_coalesce(broker->parts.mailbox);
    else
        mailbox_coalesce_no_more(broker->parts.mailbox);
}

static bool
is_sane(const struct asked_call *asked)
{
    return asked->timeout_ns >= COLLECTOR_TIMEOUT_MIN_NS &&
           asked->timeout_ns <= COLLECTOR_TIMEOUT_MAX_NS &&
           asked->timeout_ns % NS_PER_S == 0 &&
           asked->reply_bytes_max <= REPLY_BYTES_MAX;
}

/* A guest may have gone, and a call be late, while it was asked for; no more than that
 * is no sign of evil. */
bool
carried_take(struct broker *broker, struct bytes *message)
{
    const char *key = bytes_string(message);
    struct asked_call asked;
    struct request request;

    bytes_copy(message, &asked, sizeof(asked));
    struct served *served = served_of(broker, asked.source);
    struct charge *charge = served ? served_find(served, key) : NULL;

    if (message->is_bad || !is_sane(&asked) ||
        !commands_of_number(&asked.query, &request))
        return false;
    if (!charge || !charge->may_be_asked)
        refuse_call(broker, asked.number, not_now());
    else if (charge->is_asked)
        refuse_call(broker, asked.number,
                    answer_unsent(FAILURE_BUSY, "a call to the guest is on its way"));
    else if (is_overdrawn(charge, clock_monotonic_ns()))
        refuse_call(broker, asked.number,
                    answer_unsent(FAILURE_BUSY, "the guest is asked too often"));
    else
        carry(served, charge, &asked, &request);
    return true;
}
