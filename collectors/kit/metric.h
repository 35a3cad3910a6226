/* A metric family as data: what stands behind # HELP, # TYPE and the label names. */
#ifndef KIT_METRIC_H
#define KIT_METRIC_H

#include <stdbool.h>

/* Labels of one family besides those that identify the guest, with the closing NULL. */
#define METRIC_LABELS_MAX 14

enum metric_type {
    METRIC_GAUGE,
    METRIC_COUNTER,
    METRIC_HISTOGRAM,
};

/* How much of a guest is shown: each has what the one before has. */
enum metric_profile {
    PROFILE_MINIMAL,
    PROFILE_DEFAULT,
    PROFILE_FULL,
};

/* Always `static const`: its address identifies the family. */
struct metric {
    const char *name; /* snake_case, base unit, _total for counters */
    const char
        *help; /* names the agent's field; plain text, escaped by the exposition */
    enum metric_type type;
    const char *labels[METRIC_LABELS_MAX]; /* NULL-terminated */
    bool essential;                        /* PROFILE_MINIMAL has it, too ... */
    bool detail;                           /* ... or only PROFILE_FULL */

    /* For the reference alone. */
    const char *since;  /* the first agent that tells it; NULL: the collector's */
    const char *series; /* how many of one guest: "1 per vCPU"; NULL: 1 */
};

static inline bool
metric_is_shown(const struct metric *metric, enum metric_profile profile)
{
    if (profile == PROFILE_MINIMAL)
        return metric->essential;
    return profile == PROFILE_FULL || !metric->detail;
}

#endif
