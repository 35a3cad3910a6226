/* Why a collector's command is not sent to a guest although the collector is on.  Pure.
 * The schedule, the series and the doctor read it here. */
#ifndef GUEST_AVOID_H
#define GUEST_AVOID_H

#include "guest/guest.h"

struct avoid_config;

/* More than one may hold. */
enum {
    AVOID_MISSING = 1 << 0,     /* the agent does not have it */
    AVOID_DISABLED = 1 << 1,    /* the guest's administrator has disabled it */
    AVOID_QUARANTINED = 1 << 2, /* its reply broke the channel */
    AVOID_UNSETTLED = 1 << 3,   /* it may have left something open in the guest */
    AVOID_HARMFUL = 1 << 4,     /* known to do harm in such a guest */
};

unsigned int guest_avoids(const struct guest_collector *collector);

/* What qga_collector_avoided says of it; NULL: nothing, as the agent is the reason. */
const char *guest_avoids_why(const struct guest_collector *collector);

/* What is known of the guest's OS and agent, or the list of harm, is new. */
void guest_judge_harm(struct guest *guest, const struct avoid_config *avoid);

/* From now on the schedule leaves out what is avoided, and nothing else. */
void guest_apply_avoids(struct guest *guest, struct schedule *schedule);

#endif
