/* The loop that drives it all: a watch over each source, the first pass over their
 * guests, and the reload.  Everything here runs on the loop's thread. */
#ifndef POLL_POLLER_H
#define POLL_POLLER_H

#include "config/config.h"
#include "poll/watch.h"
#include "poll/watch_parts.h"

#include <stdbool.h>
#include <stdint.h>

struct poller;

/* The parts that the poller drives; all outlive it. */
struct poller_parts {
    struct watch_parts watch; /* but for its callbacks, which are the poller's own */
    /* Called once, when each source has connected or failed to, and each of its guests
     * was asked for everything once or was found not to answer. */
    void (*first_pass)(void *context, bool all_answered);
    void *context;
};

/* Starts the sources.  The config is borrowed until poller_configure() or
 * poller_stop(). */
struct poller *poller_start(const struct poller_parts *parts,
                            const struct config *config);

/* A new config from now on: sources that are not in it any more are left, new ones are
 * started, guests are kept.  The old one may be freed afterwards. */
void poller_configure(struct poller *poller, const struct config *config);

/* While paused no guest is asked anything; what is known ages out.  Returns whether it
 * is paused now; a change of `paused` in the config wins over it. */
bool poller_toggle_pause(struct poller *poller);

/* Shows all sources and all guests. */
void poller_visit(const struct poller *poller, const struct watch_visitor *visitor);

/* Towards the end: nothing new is asked, and what is open in guests is closed.  Whether
 * that is done; else ask again soon. */
bool poller_finish(struct poller *poller);

/* Leaves all sources; waits for calls in flight until the deadline (CLOCK_MONOTONIC).
 * Whether all came back; the loop must run once more to close its handles. */
bool poller_stop(struct poller *poller, int64_t deadline_ns);

#endif
