/* The state of each guest, published and logged, and how far the first pass is. */
#include "poll/health.h"

#include "base/clock.h"
#include "base/log.h"
#include "poll/inside.h"

/* Transitions of one guest in the log: so many at once, and then one in so long. */
#define LOG_BURST 60
#define LOG_EACH_NS (INT64_C(20) * 1000 * 1000 * 1000)

/* Longer than a call that comes back ever takes: libvirt waits for another client of
 * the agent for 30 s, syncs twice for 5 s, and then asks.  A daemon that hangs is not
 * waited for any longer. */
#define FIRST_PASS_PATIENCE_NS (INT64_C(60) * 1000 * 1000 * 1000)

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

void
watch_publish_health(struct guest *guest, int64_t now_ns)
{
    struct watch *watch = guest->source;
    const struct intake *intake = &watch->intake;
    enum agent_state state =
        guest_state(guest, now_ns, intake->config->health.starting_ns);

    if (state != guest->last_state)
        log_transition(guest, state);
    guest->discovery_stale |= state != guest->last_state;
    guest->last_state = state;
    guest->health_stale = false;
    guest->frozen_for_ns = now_ns - guest->frozen_since_ns;
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
