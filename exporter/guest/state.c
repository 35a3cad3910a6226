/* First what the host says, then what the last call brought. */
#include "guest/state.h"

/* So long libvirt lets a call wait for another client's before it gives up. */
#define JOB_WAIT_NS (INT64_C(30) * 1000 * 1000 * 1000)

const char *const agent_state_names[AGENT_STATES + 1] = {
    [AGENT_RESPONSIVE] = "responsive",
    [AGENT_STARTING] = "starting",
    [AGENT_UNRESPONSIVE] = "unresponsive",
    [AGENT_DISCONNECTED] = "disconnected",
    [AGENT_UNCONFIGURED] = "unconfigured",
    [AGENT_FROZEN] = "frozen",
    [AGENT_BUSY] = "busy",
    [AGENT_PAUSED] = "paused",
    [AGENT_MIGRATING] = "migrating",
    [AGENT_DENIED] = "denied",
    [AGENT_MALFORMED] = "malformed",
    [AGENT_UNKNOWN] = "unknown",
};

static const enum agent_state states[REASONS] = {
    [REASON_ANSWERS] = AGENT_RESPONSIVE,
    [REASON_STARTING] = AGENT_STARTING,
    [REASON_NO_ANSWER] = AGENT_UNRESPONSIVE,
    [REASON_HELD] = AGENT_UNRESPONSIVE,
    [REASON_NOT_CONNECTED] = AGENT_DISCONNECTED,
    [REASON_NO_CHANNEL] = AGENT_UNCONFIGURED,
    [REASON_UNUSABLE_CHANNEL] = AGENT_UNCONFIGURED,
    [REASON_FROZEN] = AGENT_FROZEN,
    [REASON_BUSY] = AGENT_BUSY,
    [REASON_INTERRUPTED] = AGENT_UNRESPONSIVE,
    [REASON_PAUSED] = AGENT_PAUSED,
    [REASON_SHUTTING_DOWN] = AGENT_PAUSED,
    [REASON_MIGRATING] = AGENT_MIGRATING,
    [REASON_DENIED] = AGENT_DENIED,
    [REASON_MALFORMED] = AGENT_MALFORMED,
    [REASON_SOURCE_AWAY] = AGENT_UNKNOWN,
    [REASON_OPTED_OUT] = AGENT_UNKNOWN,
    [REASON_NO_DEFINITION] = AGENT_UNKNOWN,
    [REASON_UNREADABLE] = AGENT_UNKNOWN,
    [REASON_UNAVAILABLE] = AGENT_UNKNOWN,
    [REASON_NOT_ASKED] = AGENT_UNKNOWN,
};

enum agent_state
guest_reason_state(enum guest_reason reason)
{
    return states[reason];
}

/* What the last call says, for a guest that may be asked. */
static enum guest_reason
answer_reason(const struct guest *guest, int64_t now_ns)
{
    static const enum guest_reason reasons[FAILURE_KINDS] = {
        [FAILURE_NONE] = REASON_ANSWERS,
        [FAILURE_ABSENT] = REASON_NO_CHANNEL,
        [FAILURE_DISCONNECTED] = REASON_NOT_CONNECTED,
        [FAILURE_TIMEOUT] = REASON_NO_ANSWER,
        [FAILURE_UNSUPPORTED] = REASON_ANSWERS,
        [FAILURE_DISABLED] = REASON_ANSWERS,
        [FAILURE_FROZEN] = REASON_FROZEN,
        [FAILURE_BUSY] = REASON_BUSY,
        [FAILURE_HELD] = REASON_HELD,
        [FAILURE_AGENT_ERROR] = REASON_ANSWERS,
        [FAILURE_MALFORMED] = REASON_MALFORMED,
        [FAILURE_WRONG_SHAPE] = REASON_ANSWERS,
        [FAILURE_TOO_LARGE] = REASON_ANSWERS,
        [FAILURE_DENIED] = REASON_DENIED,
        [FAILURE_NOT_RUNNING] = REASON_PAUSED,
        [FAILURE_UNAVAILABLE] = REASON_UNAVAILABLE,
    };
    enum failure_kind kind = guest->last_failure.kind;

    if (kind == FAILURE_NONE && guest->freeze.frozen)
        return REASON_FROZEN;
    if (kind == FAILURE_NONE && !guest->answered)
        return REASON_NOT_ASKED;
    if ((kind == FAILURE_BUSY || kind == FAILURE_FROZEN) && !guest->freeze.frozen &&
        interruption_is_too_long(&guest->interruption, now_ns))
        return REASON_INTERRUPTED;
    return reasons[kind];
}

/* A call that is not back in time.  An agent that does not answer it would have made
 * libvirt say so by now, so it has not even reached the agent: libvirt lets it wait for
 * another client's call, and no longer than so long. */
static enum guest_reason
overdue_reason(const struct guest *guest, int64_t now_ns)
{
    enum guest_reason before = answer_reason(guest, now_ns);
    int64_t overdue_ns = now_ns - guest->call_deadline_ns;

    if (states[before] == AGENT_UNRESPONSIVE)
        return before;
    return overdue_ns > JOB_WAIT_NS ? REASON_NO_ANSWER : REASON_BUSY;
}

enum guest_reason
guest_reason(const struct guest *guest, int64_t now_ns, int64_t starting_ns)
{
    bool starting = guest->started_ns != 0 && !guest->answered &&
                    now_ns - guest->started_ns < starting_ns;

    if (!guest->source_is_up)
        return REASON_SOURCE_AWAY;
    if (guest->opted_out)
        return REASON_OPTED_OUT;
    if (guest->domain == DOMAIN_MIGRATING)
        return REASON_MIGRATING;
    if (guest->domain != DOMAIN_RUNNING)
        return guest->domain == DOMAIN_SHUTDOWN ? REASON_SHUTTING_DOWN : REASON_PAUSED;
    if (guest->channel == CHANNEL_UNKNOWN)
        return *guest->definition_error ? REASON_UNREADABLE : REASON_NO_DEFINITION;
    if (guest->channel == CHANNEL_ABSENT)
        return REASON_NO_CHANNEL;
    if (guest->channel == CHANNEL_UNUSABLE)
        return REASON_UNUSABLE_CHANNEL;
    if (starting)
        return REASON_STARTING;
    if (guest->channel == CHANNEL_DISCONNECTED)
        return REASON_NOT_CONNECTED;
    if (guest->schedule.in_flight && now_ns > guest->call_deadline_ns)
        return overdue_reason(guest, now_ns);
    return answer_reason(guest, now_ns);
}

enum agent_state
guest_state(const struct guest *guest, int64_t now_ns, int64_t starting_ns)
{
    return states[guest_reason(guest, now_ns, starting_ns)];
}
