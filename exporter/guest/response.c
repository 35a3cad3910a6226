/* One response for each kind of failure. */
#include "guest/response.h"

static const enum response responses[FAILURE_KINDS] = {
    [FAILURE_NONE] = RESPONSE_ANSWERED,
    [FAILURE_ABSENT] = RESPONSE_NONE,
    [FAILURE_DISCONNECTED] = RESPONSE_NONE,
    [FAILURE_TIMEOUT] = RESPONSE_NONE,
    [FAILURE_UNSUPPORTED] = RESPONSE_REFUSED,
    [FAILURE_DISABLED] = RESPONSE_REFUSED,
    [FAILURE_FROZEN] = RESPONSE_FROZEN,
    [FAILURE_BUSY] = RESPONSE_OCCUPIED,
    [FAILURE_HELD] = RESPONSE_NONE,
    [FAILURE_AGENT_ERROR] = RESPONSE_REFUSED,
    [FAILURE_MALFORMED] = RESPONSE_GARBLED,
    [FAILURE_WRONG_SHAPE] = RESPONSE_REFUSED,
    [FAILURE_TOO_LARGE] = RESPONSE_REFUSED,
    [FAILURE_DENIED] = RESPONSE_NONE,
    [FAILURE_NOT_RUNNING] = RESPONSE_OCCUPIED,
    [FAILURE_UNAVAILABLE] = RESPONSE_OCCUPIED,
};

enum response
response_of(enum failure_kind kind)
{
    return responses[kind];
}

bool
response_is_agents(enum failure_kind kind)
{
    return responses[kind] <= RESPONSE_GARBLED;
}
