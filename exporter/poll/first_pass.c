/* How far the first pass over the guests of a source is. */
#include "poll/first_pass.h"

#include "base/clock.h"
#include "poll/inside.h"

/* Longer than a call that comes back ever takes: libvirt waits for another client of
 * the agent for 30 s, syncs twice for 5 s, and then asks.  A daemon that hangs is not
 * waited for any longer; nor is a guest, from its own first call on, whatever it finds
 * to say. */
#define FIRST_PASS_PATIENCE_NS (INT64_C(60) * 1000 * 1000 * 1000)

static bool
is_out_of_patience(const struct guest *guest, int64_t now_ns)
{
    return guest->first_asked_ns != 0 &&
           now_ns - guest->first_asked_ns > FIRST_PASS_PATIENCE_NS;
}

bool
first_pass_awaits(const struct guest *guest, int64_t now_ns)
{
    return guest_is_askable(guest) && !guest->first_visit_done &&
           !is_out_of_patience(guest, now_ns) &&
           !schedule_asks_nothing(&guest->schedule);
}

bool
watch_has_passed(const struct watch *watch, int64_t now_ns)
{
    if (watch->paused || now_ns - watch->progress_ns > FIRST_PASS_PATIENCE_NS)
        return true;
    if (!watch->up)
        return watch->tried;
    if (watch->balloons_awaited)
        return false;
    for (const struct guest *guest = watch->guests; guest; guest = guest->hh.next) {
        if (first_pass_awaits(guest, now_ns))
            return false;
    }
    return true;
}

/* Whether a collector is on that asks guests for their addresses. */
static bool
asks_addresses(const struct config *config)
{
    bool asks = false;

    for (size_t i = 0; i < collectors_count; i++)
        asks |= collectors[i]->addresses && config->collectors[i].enabled;
    return asks;
}

const char *
watch_why_incomplete(struct watch *watch)
{
    if (!watch->up)
        return "a source of guests is away";
    if (!asks_addresses(watch->rules.config))
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
