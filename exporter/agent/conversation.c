/* One call after the other. */
#include "agent/conversation.h"

#include <string.h>

const struct request *
conversation_request(const struct collector *collector,
                     struct conversation *conversation, void *memory)
{
    if (!conversation->open) {
        *conversation = (struct conversation){.open = true};
        collector->next(STEP_FIRST, NULL, memory, &conversation->request);
    }
    conversation->awaited = true;
    return &conversation->request;
}

static enum step
step_of(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_NONE:
        return STEP_ANSWERED;
    case FAILURE_AGENT_ERROR:
    case FAILURE_TOO_LARGE:
    case FAILURE_MALFORMED:
    case FAILURE_WRONG_SHAPE:
    case FAILURE_UNSUPPORTED:
    case FAILURE_DISABLED:
        return STEP_REFUSED;
    case FAILURE_ABSENT:
    case FAILURE_DISCONNECTED:
    case FAILURE_TIMEOUT:
    case FAILURE_FROZEN:
    case FAILURE_BUSY:
    case FAILURE_HELD:
    case FAILURE_DENIED:
    case FAILURE_NOT_RUNNING:
    case FAILURE_UNAVAILABLE:
    case FAILURE_KINDS:
    default:
        return STEP_LOST;
    }
}

/* The agent never saw the request: the same one is sent again later. */
static bool
was_not_sent(enum failure_kind kind)
{
    return kind == FAILURE_FROZEN || kind == FAILURE_BUSY ||
           kind == FAILURE_NOT_RUNNING;
}

static enum conversation_turn
end(struct conversation *conversation, enum conversation_turn turn)
{
    conversation->open = false;
    if (turn == CONVERSATION_UNSETTLED && conversation->of_old_agent)
        return CONVERSATION_BROKEN;
    return conversation->broken && turn == CONVERSATION_COMPLETE ? CONVERSATION_BROKEN
                                                                 : turn;
}

enum conversation_turn
conversation_answer(const struct collector *collector,
                    struct conversation *conversation, void *memory,
                    enum failure_kind kind, const json_t *answer, bool finishing)
{
    enum step step = step_of(kind);
    enum next next = NEXT_REQUEST;

    conversation->awaited = false;
    if (!was_not_sent(kind)) {
        conversation->broken |= step == STEP_LOST;
        next = collector->next(step, answer, memory, &conversation->request);
    }
    switch (next) {
    case NEXT_REQUEST:
        break;
    case NEXT_OVER:
        return end(conversation, CONVERSATION_COMPLETE);
    case NEXT_NEVER:
        return end(conversation, CONVERSATION_UNSETTLED);
    }
    /* Whatever begins with the collector's own command opens something. */
    if ((finishing || conversation->broken) &&
        strcmp(conversation->request.command, collector->command) == 0)
        return end(conversation, CONVERSATION_BROKEN);
    return CONVERSATION_GOES_ON;
}

bool
conversation_interrupt(const struct collector *collector,
                       struct conversation *conversation, void *memory,
                       bool is_new_agent)
{
    if (!conversation->open)
        return true;
    conversation->broken = true;
    conversation->of_old_agent |= is_new_agent;
    if (conversation->awaited)
        return false;
    /* What it would say next was never sent. */
    return conversation_answer(collector, conversation, memory, FAILURE_DISCONNECTED,
                               NULL, true) != CONVERSATION_GOES_ON;
}
