/* Threads that may block, so that the loop thread never does: a fixed number of lanes,
 * each runs one job at a time and mails it back.  A lane that does not come back is
 * given up, counted and replaced, up to a bound.  The lock is inside. */
#ifndef BASE_LANES_H
#define BASE_LANES_H

#include "base/mailbox.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How far a job is that was not delivered yet. */
enum lane_stage {
    LANE_WAITS, /* no lane has begun with it */
    LANE_RUNS,
    LANE_GIVEN_UP, /* with its lane; it may come back all the same */
};

/* Embedded in what the lane is to do; `mail.deliver` gets it back on the loop thread.
 */
struct lane_job {
    struct mail mail;
    struct lane_job *next;
    /* What it may take beyond lanes_review()'s overdue_ns; its lane may say another. */
    atomic_int_least64_t timeout_ns;
    enum lane_stage stage; /* see lanes_stage() */
};

struct lanes_driver {
    /* All on the lane's own thread.  `open` makes what the lane keeps between jobs (it
     * does not block or fail: connect lazily in `run`). */
    void *(*open)(void *context);
    void (*run)(void *lane, struct lane_job *job);
    void (*close)(void *lane);
    /* Frees a job that is neither run nor delivered, because the lanes were stopped.
     * Any thread. */
    void (*drop)(struct lane_job *job);
    /* The last lane is gone: frees the context.  Any thread. */
    void (*release)(void *context);
};

struct lanes;

struct lanes_figures {
    unsigned int lanes;     /* threads, those given up included */
    unsigned int in_use;    /* running a job now */
    unsigned int abandoned; /* of them, given up */
    uint64_t abandoned_total;
};

/* `target` lanes, at most `max` threads with those that were given up.  Loop thread. */
struct lanes *lanes_start(const struct lanes_driver *driver, void *context,
                          unsigned int target, unsigned int max,
                          struct mailbox *mailbox);

/* Runs the job when a lane is free.  Loop thread. */
void lanes_submit(struct lanes *lanes, struct lane_job *job);

/* Loop thread. */
enum lane_stage lanes_stage(struct lanes *lanes, const struct lane_job *job);

/* Gives up lanes that have been in their job for longer than overdue_ns and the job's
 * own timeout, and starts
 * others in their place; a lane that comes back after all serves on, or ends if it is
 * not needed. Returns how many were given up now.  now_ns: CLOCK_MONOTONIC.  Loop
 * thread. */
unsigned int lanes_review(struct lanes *lanes, int64_t now_ns, int64_t overdue_ns);

struct lanes_figures lanes_figures(struct lanes *lanes);

/* Drops what waits, delivers nothing more, and waits for the threads until the deadline
 * (CLOCK_MONOTONIC).  Whether all have ended.  Loop thread; lanes_stop() must follow.
 */
bool lanes_wind_down(struct lanes *lanes, int64_t deadline_ns);

/* The same, and whoever has not ended frees the lanes when it does.  Loop thread;
 * `lanes` is gone either way. */
bool lanes_stop(struct lanes *lanes, int64_t deadline_ns);

#endif
