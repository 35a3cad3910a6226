/* A guest's life, and the one state that sums it up. */
#include "guest/guest.h"

#include "kit/memory.h"
#include "store/exposition.h"

#include <stdlib.h>
#include <string.h>

/* A freeze seldom begins between two calls of one visit; it does between two visits. */
#define THAW_TRUST_NS (INT64_C(10) * 1000 * 1000 * 1000)

/* So long libvirt lets a call wait for another client's before it gives up. */
#define JOB_WAIT_NS (INT64_C(30) * 1000 * 1000 * 1000)

const char *
agent_state_name(enum agent_state state)
{
    static const char *const names[AGENT_STATES] = {
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

    return state < AGENT_STATES ? names[state] : NULL;
}

struct guest *
guest_new(struct watch *source, const struct guest_facts *facts,
          const char *source_label)
{
    struct guest *guest = memory_new(1, sizeof *guest);

    guest->source = source;
    guest->key = memory_string(facts->key);
    guest->name = memory_string(facts->name);
    guest->uuid = memory_string(facts->uuid);
    guest->identity = exposition_identity(facts->name, source_label);
    guest->source_name = memory_string(source_label ? source_label : "");
    guest->definition_stale = guest->discovery_stale = guest->another = true;
    guest->last_state = AGENT_UNKNOWN;
    guest->last_collector = SIZE_MAX;
    for (size_t i = 0; i < collectors_count; i++) {
        if (collectors[i]->memory_bytes > 0)
            guest->collectors[i].memory = memory_new(1, collectors[i]->memory_bytes);
    }
    return guest;
}

void
guest_free(struct guest *guest)
{
    if (!guest)
        return;
    for (size_t i = 0; i < collectors_count; i++)
        free(guest->collectors[i].memory);
    domain_facts_unref(guest->definition);
    free(guest->addresses);
    free(guest->source_name);
    free(guest->identity);
    free(guest->uuid);
    free(guest->told_name);
    free(guest->name);
    free(guest->key);
    free(guest);
}

void
guest_define(struct guest *guest, struct domain_facts *definition)
{
    if (!definition || domain_facts_are_same(guest->definition, definition))
        return;
    domain_facts_unref(guest->definition);
    guest->definition = domain_facts_ref(definition);
    guest->definition_stale = guest->discovery_stale = true;
    for (size_t i = 0; i < collectors_count; i++)
        guest->collectors[i].reply_hash = 0;
}

void
guest_locate(struct guest *guest, const struct discovery_address *addresses,
             size_t count)
{
    guest->addresses =
        memory_resize(guest->addresses, count > 0 ? count : 1, sizeof *addresses);
    if (count > 0)
        memcpy(guest->addresses, addresses, count * sizeof *addresses);
    guest->addresses_count = count;
    guest->discovery_stale = true;
}

bool
guest_is_askable(const struct guest *guest)
{
    return guest->source_is_up && guest->domain == DOMAIN_RUNNING &&
           guest->channel == CHANNEL_CONNECTED && !guest->opted_out;
}

bool
guest_is_surely_thawed(const struct guest *guest, int64_t now_ns)
{
    return !guest->frozen && guest->thawed_ns != 0 &&
           now_ns - guest->thawed_ns < THAW_TRUST_NS;
}

/* What a conversation has left open in the guest is tidied up first, in case it is the
 * same agent after all. */
static void
collector_anew(const struct collector *collector, struct guest_collector *state,
               bool came)
{
    state->asked = false;
    state->unsettled = state->unsettled && !came;
    state->status = COMMAND_UNKNOWN;
    state->reply_hash = 0;
    state->refused_ns = 0;
    state->refusals = 0;
    if (!conversation_interrupt(collector, &state->conversation, state->memory, came))
        return;
    if (collector->memory_bytes > 0)
        memset(state->memory, 0, collector->memory_bytes);
}

void
guest_agent_anew(struct guest *guest, bool came)
{
    guest->answered = false;
    guest->last_collector = SIZE_MAX;
    guest->frozen = false;
    guest->thawed_ns = 0;
    guest->last_failure.kind = FAILURE_NONE;
    for (size_t i = 0; i < collectors_count; i++)
        collector_anew(collectors[i], &guest->collectors[i], came);
}

/* What the last call says, for a guest that may be asked. */
static enum agent_state
answer_state(const struct guest *guest)
{
    switch (guest->last_failure.kind) {
    case FAILURE_NONE:
        if (guest->frozen)
            return AGENT_FROZEN;
        return guest->answered ? AGENT_RESPONSIVE : AGENT_UNKNOWN;
    case FAILURE_UNSUPPORTED:
    case FAILURE_DISABLED:
    case FAILURE_AGENT_ERROR:
    case FAILURE_TOO_LARGE:
        return AGENT_RESPONSIVE;
    case FAILURE_TIMEOUT:
    case FAILURE_HELD:
        return AGENT_UNRESPONSIVE;
    case FAILURE_DISCONNECTED:
        return AGENT_DISCONNECTED;
    case FAILURE_ABSENT:
        return AGENT_UNCONFIGURED;
    case FAILURE_FROZEN:
        return AGENT_FROZEN;
    case FAILURE_MALFORMED:
        return AGENT_MALFORMED;
    case FAILURE_DENIED:
        return AGENT_DENIED;
    case FAILURE_NOT_RUNNING:
        return AGENT_PAUSED;
    case FAILURE_BUSY:
        return AGENT_BUSY;
    case FAILURE_UNAVAILABLE:
    case FAILURE_KINDS:
    default:
        return AGENT_UNKNOWN;
    }
}

/* A call that is not back in time.  An agent that does not answer it would have made
 * libvirt say so by now, so it has not even reached the agent: libvirt lets it wait for
 * another client's call, and no longer than so long. */
static enum agent_state
overdue_state(const struct guest *guest, int64_t overdue_ns)
{
    enum agent_state before = answer_state(guest);

    if (before == AGENT_UNRESPONSIVE || overdue_ns > JOB_WAIT_NS)
        return AGENT_UNRESPONSIVE;
    return AGENT_BUSY;
}

enum agent_state
guest_state(const struct guest *guest, int64_t now_ns, int64_t starting_ns)
{
    bool starting = guest->started_ns != 0 && !guest->answered &&
                    now_ns - guest->started_ns < starting_ns;

    if (!guest->source_is_up || guest->opted_out)
        return AGENT_UNKNOWN;
    if (guest->domain == DOMAIN_MIGRATING)
        return AGENT_MIGRATING;
    if (guest->domain != DOMAIN_RUNNING)
        return AGENT_PAUSED;
    if (guest->channel == CHANNEL_ABSENT)
        return AGENT_UNCONFIGURED;
    if (starting)
        return AGENT_STARTING;
    if (guest->channel == CHANNEL_DISCONNECTED)
        return AGENT_DISCONNECTED;
    if (guest->schedule.in_flight && now_ns > guest->call_deadline_ns)
        return overdue_state(guest, now_ns - guest->call_deadline_ns);
    return answer_state(guest);
}
