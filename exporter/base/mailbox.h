/* The one way from other threads to the loop thread: a queue that wakes the loop.  The
 * lock is inside; mail is intrusive, so posting cannot fail.
 *
 * While calls are on their way and nothing waits for them, mail is gathered for a
 * moment: a wake-up of the loop costs more than the mail it brings. */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_timer_s uv_timer_t;

struct mail {
    struct mail *next;
    /* Runs on the loop thread; the mail is the receiver's from here on. */
    void (*deliver)(struct mail *mail);
};

struct mailbox;

/* What waits for nothing in particular is done at the same ticks: once for all of it.
 */
#define MAILBOX_TICK_NS (INT64_C(20) * 1000 * 1000)

/* Starts a timer (not a repeating one) for the first tick at or after a time
 * (CLOCK_MONOTONIC; now or past: at once); with `exactly`, for the time itself.  Loop
 * thread. */
void mailbox_start_timer(uv_timer_t *timer, void (*due)(uv_timer_t *timer),
                         int64_t at_ns, bool exactly);

/* Loop thread. */
struct mailbox *mailbox_new(uv_loop_t *loop);
/* Up to the next tick mail waits for it, instead of waking the loop.  Loop thread. */
void mailbox_gather(struct mailbox *mailbox);
/* From now on every mail wakes the loop.  Loop thread. */
void mailbox_hurry(struct mailbox *mailbox);
/* Delivers what is there, now; for the end, when the loop no longer runs.  Loop thread.
 */
void mailbox_drain(struct mailbox *mailbox);
/* The loop must run once more afterwards (uv_close).  Mail that is still there is left
 * to its senders.  Loop thread. */
void mailbox_close(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
