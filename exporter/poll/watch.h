/* One source under watch: the guests it announces, whose turn it is, and the calls in
 * flight.  The loop thread alone. */
#ifndef POLL_WATCH_H
#define POLL_WATCH_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest;
struct watch;
struct watch_parts;

/* Starts the source.  `config` is borrowed until watch_configure() or watch_stop(). */
struct watch *watch_start(const struct watch_parts *parts,
                          const struct source_config *source,
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

bool watch_is_of(const struct watch *watch, const struct source_config *source);

/* Once a second: notices what only time tells, and adds the guests to the count of
 * their state (enum agent_state).  now_ns: CLOCK_MONOTONIC. */
void watch_review(struct watch *watch, int64_t now_ns, size_t *guests_by_state);

/* Says once if the guest of another source is asked by the socket of this one. */
void watch_note_overlap(struct watch *watch, const struct guest *guest,
                        struct watch *other);

/* Shows what the watch knows, in the order in which it came.  All is borrowed.  `why`
 * the source is away; may be "". */
struct watch_visitor {
    void (*source)(void *context, const struct source_config *source, bool is_up,
                   const char *why);
    void (*guest)(void *context, const struct source_config *source,
                  const struct guest *guest); /* NULL: sources alone */
    void *context;
};
void watch_visit(const struct watch *watch, const struct watch_visitor *visitor);

#endif
