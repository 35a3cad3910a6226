/* What is not asked, and why. */
#include "guest/avoid.h"

#include "agent/harm.h"
#include "config/avoid.h"

unsigned int
guest_avoids(const struct guest_collector *collector)
{
    unsigned int reasons = 0;

    if (collector->status == COMMAND_MISSING)
        reasons |= AVOID_MISSING;
    if (collector->status == COMMAND_DISABLED)
        reasons |= AVOID_DISABLED;
    if (collector->quarantined)
        reasons |= AVOID_QUARANTINED;
    if (collector->unsettled)
        reasons |= AVOID_UNSETTLED;
    if (collector->harmful)
        reasons |= AVOID_HARMFUL;
    return reasons;
}

/* NULL: it may be asked all the same. */
static const char *
why_forbidden(unsigned int reasons)
{
    if (reasons & AVOID_QUARANTINED)
        return "quarantined";
    if (reasons & AVOID_UNSETTLED)
        return "unsettled";
    return reasons & AVOID_HARMFUL ? "harmful" : NULL;
}

const char *
guest_avoids_why(const struct guest_collector *collector)
{
    return why_forbidden(guest_avoids(collector));
}

void
guest_judge_harm(struct guest *guest, const struct avoid_config *avoid)
{
    const char *os = guest_os_id(guest), *version = guest->software.agent_version;

    for (size_t i = 0; i < collectors_count; i++) {
        const char *command = collectors[i]->command;

        guest->collectors[i].harmful =
            harm_find(avoid->rules, avoid->rules_count, os, version, command) ||
            (avoid->known_harm &&
             harm_find(harm_known, harm_known_count, os, version, command));
    }
}

void
guest_apply_avoids(struct guest *guest, struct schedule *schedule)
{
    for (size_t i = 0; i < collectors_count; i++) {
        unsigned int reasons = guest_avoids(&guest->collectors[i]);
        const char *why = why_forbidden(reasons);

        schedule_block(schedule, &guest->schedule, i, reasons != 0);
        schedule_forbid(schedule, &guest->schedule, i, why);
        if (collectors[i] == collector_freeze)
            freeze_may_be_asked(&guest->freeze, !why);
    }
}
