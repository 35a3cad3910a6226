/* What a guest costs of what runs out, and whether that is more than its share: time of
 * lanes, and time of the loop.  Pure.
 *
 * What was spent is kept as the time from which it is paid.  One who spends more than
 * its share of the lanes is confined: it waits with its like, who have a part of the
 * lanes together, until all is paid; and longer each time it comes back.
 * One who spends more than its share of the loop waits until that is paid.  An honest
 * guest spends some milliseconds of either in a minute. */
#ifndef GUEST_SHARE_H
#define GUEST_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Of one lane, a twentieth; so much at once: a slow answer, and none that is late. */
#define SHARE_LANE_PART 20
#define SHARE_LANE_BURST_NS (INT64_C(2) * 1000 * 1000 * 1000)
/* Of the loop, a two hundredth; so much at once: a visit to a guest that says much. */
#define SHARE_LOOP_PART 200
#define SHARE_LOOP_BURST_NS (INT64_C(250) * 1000 * 1000)
/* The first confinement lasts so long beyond what is paid, the next twice as long. */
#define SHARE_PENALTY_NS (INT64_C(5) * 60 * 1000 * 1000 * 1000)
#define SHARE_PENALTY_MAX_NS (INT64_C(80) * 60 * 1000 * 1000 * 1000)
/* No debt is longer; and whoever was free for so long begins anew. */
#define SHARE_DEBT_MAX_NS (INT64_C(2) * 60 * 60 * 1000 * 1000 * 1000)

/* The guest's, for its life: no event of it resets this.  Zeroed at first.  All times
 * are CLOCK_MONOTONIC. */
struct share {
    int64_t lane_paid_ns, loop_paid_ns;
    bool confined;
    int64_t penalty_ns; /* of the last confinement */
};

/* A call has held a lane, or an answer the loop, for so long; the latter before
 * schedule_done(). */
void share_spend_lane(struct share *share, int64_t took_ns, int64_t now_ns);
void share_spend_loop(struct share *share, int64_t took_ns, int64_t now_ns);
/* Time has passed: whether the guest is (still) confined. */
bool share_review(struct share *share, int64_t now_ns);
/* When the guest may be asked next; past times: now. */
int64_t share_allowed_ns(const struct share *share);

#endif
