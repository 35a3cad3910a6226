/* The memory of all domains, asked for again and again.  One call is on its way at a
 * time; who held it up is passed over by the next. */
#include "source/libvirt/balloons.h"

#include "base/lanes.h"
#include "base/log.h"
#include "config/sources.h"
#include "kit/memory.h"
#include "source/libvirt/job.h"
#include "source/libvirt/lane.h"

#include <stdlib.h>

/* Each QEMU that hangs may cost one lane, with one of the daemon's 20 workers, for as
 * long. */
#define LANES 1
#define LANES_MAX 3
/* A QEMU that works tells it in a few milliseconds; there may be a thousand. */
#define OVERDUE_NS (INT64_C(10) * 1000 * 1000 * 1000)

struct balloons {
    struct libvirt_link *link;
    struct source *source;
    const struct source_listener *listener;
    struct lanes *lanes;
    const struct libvirt_job *asked; /* a lane's; NULL: none is awaited */
    int64_t interval_ns, due_ns;
    bool failed; /* the last time */
};

struct balloons *
balloons_new(const struct balloon_config *config, struct libvirt_link *link,
             struct source *source, const struct source_listener *listener,
             struct mailbox *mailbox)
{
    if (!config->enabled)
        return NULL;
    struct balloons *balloons = memory_new(1, sizeof(*balloons));

    balloons->link = link;
    balloons->source = source;
    balloons->listener = listener;
    balloons->interval_ns = config->interval_ns;
    balloons->lanes = lanes_start(&libvirt_statistics_driver, libvirt_link_ref(link),
                                  LANES, LANES_MAX, mailbox);
    return balloons;
}

static void
end_call(struct balloons *balloons)
{
    balloons->asked = NULL;
    balloons->listener->balloons_told(balloons->listener->context, balloons->source);
}

static void
take_answer(struct source *source, struct libvirt_job *job)
{
    struct balloons *balloons = job->context;
    const struct source_listener *listener = balloons->listener;
    bool failed = job->answer.failure.kind != FAILURE_NONE;

    if (failed && !balloons->failed)
        log_warn("libvirt does not tell the memory of the guests; asking again",
                 LOG_STR("uri", balloons->link->uri),
                 LOG_STR("reason", job->answer.failure.text));
    balloons->failed = failed;
    for (size_t i = 0; i < job->balloons_count; i++)
        listener->balloon_told(listener->context, source, job->balloons[i].uuid,
                               &job->balloons[i].balloon);
    if (job == balloons->asked) /* else it was not waited for */
        end_call(balloons);
}

static void
review_lanes(struct balloons *balloons, int64_t now_ns)
{
    unsigned int given_up = libvirt_lanes_review(
        balloons->link, balloons->lanes, now_ns, OVERDUE_NS,
        "a QEMU holds up the memory statistics of all guests; the next call passes it "
        "over");

    if (given_up > 0 && balloons->asked)
        end_call(balloons);
}

void
balloons_review(struct balloons *balloons, unsigned int connection, int64_t now_ns)
{
    if (!balloons)
        return;
    review_lanes(balloons, now_ns);
    if (balloons->asked || now_ns < balloons->due_ns)
        return;
    struct libvirt_job *job =
        libvirt_job_new(balloons->link, "", connection, take_answer);

    job->context = balloons;
    balloons->asked = job;
    balloons->due_ns = now_ns + balloons->interval_ns;
    lanes_submit(balloons->lanes, &job->job);
}

void
balloons_come_up(struct balloons *balloons, unsigned int connection, int64_t now_ns)
{
    if (!balloons)
        return;
    balloons->due_ns = now_ns;
    balloons_review(balloons, connection, now_ns);
}

uint64_t
balloons_abandoned(const struct balloons *balloons)
{
    return balloons ? lanes_figures(balloons->lanes).abandoned_total : 0;
}

bool
balloons_wind_down(struct balloons *balloons, int64_t deadline_ns)
{
    return !balloons || lanes_wind_down(balloons->lanes, deadline_ns);
}

bool
balloons_stop(struct balloons *balloons, int64_t deadline_ns)
{
    if (!balloons)
        return true;
    bool ended = lanes_stop(balloons->lanes, deadline_ns);

    free(balloons);
    return ended;
}
