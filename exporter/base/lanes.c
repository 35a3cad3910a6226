/* A pool of threads with substitutes for those that hang. */
#include "base/lanes.h"

#include "base/clock.h"
#include "base/thread.h"
#include "kit/memory.h"

#include <pthread.h>
#include <stdlib.h>

/* libvirt's client and its XML parser are content with far less; jansson does not run
 * here. */
#define LANE_STACK_BYTES ((size_t)512 << 10)

struct lane {
    struct lanes *lanes;
    struct lane *next;
    struct lane_job *job;  /* NULL: waiting for one */
    int64_t busy_since_ns; /* with it */
    bool abandoned;
};

struct lanes {
    const struct lanes_driver *driver;
    void *context;
    struct mailbox *mailbox;
    unsigned int target, max;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t work;  /* a job is there, or the end */
    pthread_cond_t ended; /* a thread is gone */
    struct lane_job *first;
    struct lane_job **last;
    struct lane *threads;
    unsigned int threads_count, abandoned_count, in_use;
    unsigned int
        leaving_count; /* threads that serve no more, but may block at the end */
    uint64_t abandoned_total;
    bool stopping;
    bool orphaned; /* nobody waits for the threads: the last one frees */
};

static void
lanes_free(struct lanes *lanes)
{
    lanes->driver->release(lanes->context);
    pthread_cond_destroy(&lanes->work);
    pthread_cond_destroy(&lanes->ended);
    pthread_mutex_destroy(&lanes->lock);
    free(lanes);
}

/* Lanes that serve or will serve. */
static unsigned int
serving_count(const struct lanes *lanes)
{
    return lanes->threads_count - lanes->abandoned_count - lanes->leaving_count;
}

/* Takes the next job; NULL: the lane is to end.  Called and returns with the lock held.
 */
static struct lane_job *
take_job(struct lanes *lanes)
{
    while (!lanes->first && !lanes->stopping && serving_count(lanes) <= lanes->target)
        pthread_cond_wait(&lanes->work, &lanes->lock);
    if (lanes->stopping || serving_count(lanes) > lanes->target) {
        lanes->leaving_count++; /* one too many is one lane's end, not every lane's */
        return NULL;
    }

    struct lane_job *job = lanes->first;

    lanes->first = job->next;
    if (!lanes->first)
        lanes->last = &lanes->first;
    job->stage = LANE_RUNS;
    return job;
}

/* Runs the job without the lock and hands it back. */
static void
run_job(struct lane *lane, void *state, struct lane_job *job)
{
    struct lanes *lanes = lane->lanes;

    lane->job = job;
    lane->busy_since_ns = clock_monotonic_ns();
    lanes->in_use++;
    pthread_mutex_unlock(&lanes->lock);

    lanes->driver->run(state, job);

    pthread_mutex_lock(&lanes->lock);
    lane->job = NULL;
    lanes->in_use--;
    if (lane->abandoned) {
        lane->abandoned = false;
        lanes->abandoned_count--;
    }
    if (lanes->stopping)
        lanes->driver->drop(job);
    else
        mailbox_post(lanes->mailbox, &job->mail);
}

static void
forget_thread(struct lanes *lanes, struct lane *lane)
{
    struct lane **link = &lanes->threads;

    while (*link != lane)
        link = &(*link)->next;
    *link = lane->next;
    lanes->threads_count--;
    lanes->leaving_count--;
}

static void *
lane_main(void *argument)
{
    struct lane *lane = argument;
    struct lanes *lanes = lane->lanes;

    void *state = lanes->driver->open(lanes->context);
    struct lane_job *job;

    pthread_mutex_lock(&lanes->lock);
    while ((job = take_job(lanes)))
        run_job(lane, state, job);
    pthread_mutex_unlock(&lanes->lock);

    lanes->driver->close(state); /* may block: the thread still counts */

    pthread_mutex_lock(&lanes->lock);
    forget_thread(lanes, lane);
    bool last = lanes->orphaned && lanes->threads_count == 0;
    pthread_cond_signal(&lanes->ended);
    pthread_mutex_unlock(&lanes->lock);
    free(lane);
    if (last)
        lanes_free(lanes);
    return NULL;
}

/* With the lock held; what cannot be started now, lanes_review() tries again. */
static void
start_missing(struct lanes *lanes)
{
    while (serving_count(lanes) < lanes->target && lanes->threads_count < lanes->max) {
        struct lane *lane = memory_new(1, sizeof(*lane));
        pthread_t thread;

        lane->lanes = lanes;
        if (thread_start(&thread, "lane", LANE_STACK_BYTES, lane_main, lane) < 0) {
            free(lane);
            return;
        }
        (void)pthread_detach(thread);
        lane->next = lanes->threads;
        lanes->threads = lane;
        lanes->threads_count++;
    }
}

struct lanes *
lanes_start(const struct lanes_driver *driver, void *context, unsigned int target,
            unsigned int max, struct mailbox *mailbox)
{
    struct lanes *lanes = memory_new(1, sizeof(*lanes));
    pthread_condattr_t monotonic;

    lanes->driver = driver;
    lanes->context = context;
    lanes->mailbox = mailbox;
    lanes->target = target;
    lanes->max = max;
    lanes->last = &lanes->first;
    pthread_mutex_init(&lanes->lock, NULL);
    pthread_cond_init(&lanes->work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lanes->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);

    pthread_mutex_lock(&lanes->lock);
    start_missing(lanes);
    pthread_mutex_unlock(&lanes->lock);
    return lanes;
}

void
lanes_submit(struct lanes *lanes, struct lane_job *job)
{
    pthread_mutex_lock(&lanes->lock);
    job->next = NULL;
    job->stage = LANE_WAITS;
    *lanes->last = job;
    lanes->last = &job->next;
    pthread_mutex_unlock(&lanes->lock);
    pthread_cond_signal(&lanes->work); /* who wakes does not wait for the lock */
}

enum lane_stage
lanes_stage(struct lanes *lanes, const struct lane_job *job)
{
    pthread_mutex_lock(&lanes->lock);
    enum lane_stage stage = job->stage;
    pthread_mutex_unlock(&lanes->lock);
    return stage;
}

unsigned int
lanes_review(struct lanes *lanes, int64_t now_ns, int64_t overdue_ns)
{
    unsigned int given_up = 0;

    pthread_mutex_lock(&lanes->lock);
    for (struct lane *lane = lanes->threads; lane; lane = lane->next) {
        if (lane->abandoned || !lane->job ||
            now_ns - lane->busy_since_ns <=
                overdue_ns + atomic_load(&lane->job->timeout_ns))
            continue;
        lane->abandoned = true;
        lane->job->stage = LANE_GIVEN_UP;
        lanes->abandoned_count++;
        lanes->abandoned_total++;
        given_up++;
    }
    start_missing(lanes);
    pthread_mutex_unlock(&lanes->lock);
    return given_up;
}

struct lanes_figures
lanes_figures(struct lanes *lanes)
{
    pthread_mutex_lock(&lanes->lock);
    struct lanes_figures figures = {
        .lanes = lanes->threads_count,
        .in_use = lanes->in_use,
        .abandoned = lanes->abandoned_count,
        .abandoned_total = lanes->abandoned_total,
    };
    pthread_mutex_unlock(&lanes->lock);
    return figures;
}

static void
drop_waiting(struct lanes *lanes)
{
    while (lanes->first) {
        struct lane_job *job = lanes->first;

        lanes->first = job->next;
        lanes->driver->drop(job);
    }
    lanes->last = &lanes->first;
}

bool
lanes_wind_down(struct lanes *lanes, int64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};

    pthread_mutex_lock(&lanes->lock);
    lanes->stopping = true;
    drop_waiting(lanes);
    pthread_cond_broadcast(&lanes->work);
    while (lanes->threads_count > 0) {
        if (pthread_cond_timedwait(&lanes->ended, &lanes->lock, &deadline) != 0)
            break;
    }
    bool ended = lanes->threads_count == 0;
    pthread_mutex_unlock(&lanes->lock);
    return ended;
}

bool
lanes_stop(struct lanes *lanes, int64_t deadline_ns)
{
    (void)lanes_wind_down(lanes, deadline_ns);
    pthread_mutex_lock(&lanes->lock);
    bool ended = lanes->threads_count == 0;
    lanes->orphaned = !ended;
    pthread_mutex_unlock(&lanes->lock);
    if (ended)
        lanes_free(lanes);
    return ended;
}
