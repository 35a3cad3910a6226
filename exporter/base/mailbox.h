/* The one way from other threads to the loop thread: a queue that wakes the loop.  The
 * lock is inside; mail is intrusive, so posting cannot fail.
 *
 * To wake the loop costs more than to deliver one mail.  So while calls are in flight
 * and none is urgent, mail is coalesced: delivered together at the next tick. */
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

/* Timers that need not be exact expire at common ticks, and so share a wake-up. */
#define MAILBOX_TICK_NS (INT64_C(20) * 1000 * 1000)

/* Starts a timer (not a repeating one) for the first tick at or after a time
 * (CLOCK_MONOTONIC; now or past: at once); with `exactly`, for the time itself.  Loop
 * thread. */
void mailbox_start_timer(uv_timer_t *timer, void (*due)(uv_timer_t *timer),
                         int64_t at_ns, bool exactly);

/* Loop thread. */
struct mailbox *mailbox_new(uv_loop_t *loop);
/* Until the next tick, mail is left for it and does not wake the loop.  Loop thread. */
void mailbox_coalesce(struct mailbox *mailbox);
/* From now on every mail wakes the loop.  Loop thread. */
void mailbox_coalesce_no_more(struct mailbox *mailbox);
/* Delivers what is there, now; for the end, when the loop no longer runs.  Loop thread.
 */
void mailbox_drain(struct mailbox *mailbox);
/* The loop must run once more afterwards (uv_close).  Mail that is still there is left
 * to its senders.  Loop thread. */
void mailbox_close(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
