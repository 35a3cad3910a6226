/* What a broker is given to work with, and what it holds at most. */
#ifndef BROKER_BROKER_PARTS_H
#define BROKER_BROKER_PARTS_H

struct mailbox;
struct source_driver;
typedef struct uv_loop_s uv_loop_t;

/* Guests of a source that are noted, for who asks anew which there are. */
#define BROKER_GUESTS_MAX 65536

struct broker_parts {
    uv_loop_t *loop;
    struct mailbox *mailbox;
    const struct source_driver *const *drivers; /* by enum source_kind; outlive it */
    /* The other process is gone, or says what it may not; it is not heard any more. */
    void (*deserted)(void *context, const char *why);
    void *context;
};

#endif
