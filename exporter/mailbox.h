/* The one way from other threads to the loop thread: a queue that wakes the loop.  The
 * lock is inside; mail is intrusive, so posting cannot fail. */
#ifndef MAILBOX_H
#define MAILBOX_H

typedef struct uv_loop_s uv_loop_t;

struct mail {
    struct mail *next;
    /* Runs on the loop thread; the mail is the receiver's from here on. */
    void (*deliver)(struct mail *mail);
};

struct mailbox;

/* Loop thread. */
struct mailbox *mailbox_new(uv_loop_t *loop);
/* Delivers what is there, now; for the end, when the loop no longer runs.  Loop thread.
 */
void mailbox_drain(struct mailbox *mailbox);
/* The loop must run once more afterwards (uv_close).  Mail that is still there is left
 * to its senders.  Loop thread. */
void mailbox_close(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
