/* What a watch is given to work with. */
#ifndef POLL_WATCH_PARTS_H
#define POLL_WATCH_PARTS_H

#include <stdbool.h>

struct guest;
struct mailbox;
struct source_driver;
struct store;
struct telemetry;
struct watch;
typedef struct uv_loop_s uv_loop_t;

/* What every watch works with; outlives it. */
struct watch_parts {
    uv_loop_t *loop;
    struct mailbox *mailbox;
    struct store *store;
    struct telemetry *telemetry;
    const struct source_driver *const *drivers; /* by enum source_kind */
    bool at_once; /* the first pass is not spread over time: for --once */
    /* What guests are called, NULL-terminated: others are not even looked at.  NULL, or
     * none: all. */
    const char *const *only;
    /* A guest has another socket than before.  NULL: that is no matter. */
    void (*socket_found)(void *context, struct watch *watch, const struct guest *guest);
    /* Something happened that may complete the first pass. */
    void (*progressed)(void *context);
    void *context;
};

#endif
