/* One source under watch: the guests it announces, whose turn it is, and the calls in
 * flight.  The loop thread alone. */
#ifndef POLL_WATCH_H
#define POLL_WATCH_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mailbox;
struct store;
struct telemetry;
struct watch;
struct guest;
typedef struct uv_loop_s uv_loop_t;

/* What every watch works with; outlives it. */
struct watch_parts {
    uv_loop_t *loop;
    struct mailbox *mailbox;
    struct store *store;
    struct telemetry *telemetry;
    bool at_once; /* the first pass is not spread over time: for --once */
    /* Names or UUIDs, NULL-terminated: other guests are not even looked at.  NULL, or
     * none: all. */
    const char *const *only;
    /* Something happened that may complete the first pass. */
    void (*progressed)(void *context);
    void *context;
};

/* Starts the source.  `config` is borrowed until watch_configure() or watch_stop().
 * `labelled`: the guests' series carry the label `source`. */
struct watch *watch_start(const struct watch_parts *parts,
                          const struct source_config *source, bool labelled,
                          const struct config *config);
/* New intervals, limits and collectors for the guests that are there. */
void watch_configure(struct watch *watch, const struct config *config);
/* While paused no guest is asked anything. */
void watch_pause(struct watch *watch, bool paused);
/* Towards the end: only what conversations have left open in guests is tidied up.
 * Whether nothing is open; else ask again soon. */
bool watch_finish(struct watch *watch);
/* Leaves the source; waits for calls in flight until the deadline (CLOCK_MONOTONIC).
 * Whether all came back; the loop must run once more to close the handles. */
bool watch_stop(struct watch *watch, int64_t deadline_ns);

bool watch_is_of(const struct watch *watch, const struct source_config *source,
                 bool labelled);

/* Once a second: notices what only time tells, and adds the guests to the count of
 * their state (enum agent_state).  now_ns: CLOCK_MONOTONIC. */
void watch_review(struct watch *watch, int64_t now_ns, size_t *guests_by_state);

/* Whether the source was there or found away, and every guest that can be asked was
 * asked for everything once, or found not to answer; or whether too long nothing was
 * heard that would bring this nearer.  now_ns: CLOCK_MONOTONIC. */
bool watch_has_passed(const struct watch *watch, int64_t now_ns);
bool watch_all_answered(const struct watch *watch);
/* Why addresses of guests may be lacking: one clause, static; NULL: they are all there.
 */
const char *watch_lacks(struct watch *watch);

/* Shows what the watch knows, in the order in which it came.  All is borrowed.  `why`
 * the source is away; may be "". */
struct watch_visitor {
    void (*source)(void *context, const struct source_config *source, bool is_up,
                   const char *why);
    void (*guest)(void *context, const struct source_config *source,
                  const struct guest *guest);
    void *context;
};
void watch_visit(const struct watch *watch, const struct watch_visitor *visitor);

#endif
