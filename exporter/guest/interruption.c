/* How long interruptions last. */
#include "guest/interruption.h"

#include "guest/response.h"

void
interruption_take(struct interruption *interruption, enum failure_kind kind,
                  bool of_freeze, int64_t now_ns)
{
    if (kind == FAILURE_FROZEN || kind == FAILURE_BUSY) {
        if (interruption->since_ns == 0)
            interruption->since_ns = now_ns;
    } else if (response_is_agents(kind) && !of_freeze) {
        interruption->since_ns = 0;
    }
}

static bool
lasts(const struct interruption *interruption, int64_t now_ns, int64_t max_ns)
{
    return interruption->since_ns != 0 && now_ns - interruption->since_ns > max_ns;
}

bool
interruption_is_too_long(const struct interruption *interruption, int64_t now_ns)
{
    return lasts(interruption, now_ns, INTERRUPTION_MAX_NS);
}

bool
interruption_contradicts(const struct interruption *interruption,
                         const struct freeze *freeze, int64_t now_ns)
{
    return lasts(interruption, now_ns, CONTRADICTION_MAX_NS) && !freeze->frozen &&
           !freeze->cannot_tell && freeze->thawed_ns > interruption->since_ns;
}
