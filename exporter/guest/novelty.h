/* How many series of a guest may be new, in an hour: each new one costs whoever stores
 * it for hours, however soon it is gone again.  Pure. */
#ifndef GUEST_NOVELTY_H
#define GUEST_NOVELTY_H

#include "kit/samples.h"

#include <stddef.h>
#include <stdint.h>

/* Of a guest; zeroed at first.  Nothing that it does makes that forgotten. */
struct novelty {
    int64_t spent_ns; /* CLOCK_MONOTONIC; new series, as time that pays for them */
};

/* Of a collector: its series of last time, sorted; zeroed at first. */
struct novelty_known {
    uint64_t *hashes;
    size_t count;
};

/* Drops those of the samples that are new and too many: an hour's may come at once, and
 * from then on one after each share of an hour.  `per_hour` 0: without a bound. */
void novelty_admit(struct novelty *novelty, struct novelty_known *known,
                   struct samples *samples, unsigned int per_hour, int64_t now_ns);
void novelty_clear(struct novelty_known *known);

#endif
