/* Costs of a guest. */
#include "guest/share.h"

#include "guest/times.h"

static int64_t
spend(int64_t paid_ns, int64_t took_ns, int64_t part, int64_t now_ns)
{
    int64_t most_ns = SHARE_DEBT_MAX_NS / part;

    return earlier(later(paid_ns, now_ns) + earlier(later(took_ns, 0), most_ns) * part,
                   now_ns + SHARE_DEBT_MAX_NS);
}

bool
share_review(struct share *share, int64_t now_ns)
{
    share->confined = share->confined && share->lane_paid_ns > now_ns;
    return share->confined;
}

static void
confine(struct share *share, int64_t now_ns)
{
    bool is_first =
        share->penalty_ns == 0 || now_ns - share->lane_paid_ns > SHARE_DEBT_MAX_NS;

    share->confined = true;
    share->penalty_ns = is_first ? SHARE_PENALTY_NS
                                 : earlier(2 * share->penalty_ns, SHARE_PENALTY_MAX_NS);
}

void
share_spend_lane(struct share *share, int64_t took_ns, int64_t now_ns)
{
    int64_t paid_ns = spend(share->lane_paid_ns, took_ns, SHARE_LANE_PART, now_ns);

    if (!share_review(share, now_ns) &&
        paid_ns - now_ns > SHARE_LANE_BURST_NS * SHARE_LANE_PART) {
        confine(share, now_ns);
        paid_ns += share->penalty_ns;
    }
    share->lane_paid_ns = earlier(paid_ns, now_ns + SHARE_DEBT_MAX_NS);
}

void
share_spend_loop(struct share *share, int64_t took_ns, int64_t now_ns)
{
    share->loop_paid_ns = spend(share->loop_paid_ns, took_ns, SHARE_LOOP_PART, now_ns);
}

int64_t
share_allowed_ns(const struct share *share)
{
    return share->loop_paid_ns - SHARE_LOOP_BURST_NS * SHARE_LOOP_PART;
}
