/* What a broker is given to work with, and what it holds at most. */
#ifndef BROKER_BROKER_PARTS_H
#define BROKER_BROKER_PARTS_H

struct mailbox;
struct source_driver;
typedef struct uv_loop_s uv_loop_t;

/* Guests of a source that are noted, for who asks anew which there are. */
#define BROKER_GUESTS_MAX 65536
/* To one guest so many calls at once, and then so many a second: a conversation of the
 * collector procfs is 24, and no interval is below a second. */
#define BROKER_CALLS_BURST 120
#define BROKER_CALLS_PER_S 60
/* Between two of them, as long as who asks leaves of itself (guest/schedule.h): nobody
 * else would get at the agent of a guest that is asked again at once. */
#define BROKER_GAP_NS (INT64_C(2) * 1000 * 1000)

struct broker_parts {
    uv_loop_t *loop;
    struct mailbox *mailbox;
    const struct source_driver *const *drivers; /* by enum source_kind; outlive it */
    /* The other process is gone, or says what it may not; it is not heard any more. */
    void (*deserted)(void *context, const char *why);
    void *context;
};

#endif
