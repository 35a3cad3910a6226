/* Who is due when.  Pure: the clock is passed in (CLOCK_MONOTONIC ns), there is no I/O
 * and no global.  One schedule per source; the poller's thread alone.
 *
 * - Each (guest, collector) has a phase of its own, hash(guest, collector) over the
 * interval, counted from the clock's zero, so load is flat and stays so across
 * restarts.
 * - A guest has one call in flight.  Its due collectors go out one after the other, in
 * the order of the registry, with a gap in between.
 * - A tick that was missed is not caught up.
 * - A guest that does not answer gets only the probe, later and later, and such guests
 * share a quarter of the lanes.
 * - A guest is asked no more often than its budget allows, whatever happens: polling
 * has killed guests whose agents leak, and an agent that connects again and again
 * invites visits.
 * - A guest that holds lanes, or the loop, for more than its share has places with its
 * like, or waits until it is paid (guest/share.h).
 * - A command that was slow or timed out gets a longer period for that guest. */
#ifndef GUEST_SCHEDULE_H
#define GUEST_SCHEDULE_H

#include "guest/schedule_guest.h"

#include <stdbool.h>
#include <stdint.h>

/* Between two calls of one guest: a freeze or shutdown of another client slips in. */
#define SCHEDULE_GAP_NS (INT64_C(2) * 1000 * 1000)
/* After a first call without answer, before the probe that decides. */
#define SCHEDULE_RETRY_NS (INT64_C(10) * 1000 * 1000 * 1000)
/* A call over this is slow: it holds the agent while a backup may want to thaw. */
#define SCHEDULE_SLOW_NS (INT64_C(1) * 1000 * 1000 * 1000)
/* Where others use the agent at any moment, it is tried again after so long, and up to
 * twice that: two exporters do not meet again. */
#define SCHEDULE_OCCUPIED_NS (INT64_C(400) * 1000 * 1000)
/* Tries in a row after which such a guest counts as busy. */
#define SCHEDULE_OCCUPIED_MAX 5
/* How long somebody else's work in the guest (a backup) is left alone. */
#define SCHEDULE_BUSY_NS (INT64_C(60) * 1000 * 1000 * 1000)

/* One call to make now. */
struct schedule_turn {
    struct schedule_guest *guest;
    size_t collector;
    bool probe; /* the guest is suspect: its answer counts, the collector may be
                   disabled */
    enum schedule_class class; /* whose place it has */
    int64_t due_ns;
    unsigned int epoch;
    bool given_up; /* its place is another's; see schedule_give_up() */
};

struct schedule;

struct schedule *schedule_new(const struct schedule_settings *settings);
void schedule_free(struct schedule *schedule);
/* New settings from now on; for each guest that is there call schedule_reset(). */
void schedule_configure(struct schedule *schedule,
                        const struct schedule_settings *settings);
/* The guest's ticks by the settings of now; what was slow gets another chance. */
void schedule_reset(struct schedule *schedule, struct schedule_guest *guest,
                    int64_t now_ns);

/* Capacity alone. */
void schedule_set_capacity(struct schedule *schedule, unsigned int capacity,
                           unsigned int lanes);

/* Everything is due at first_ns, and from then on by phase, which `name` gives. */
void schedule_add(struct schedule *schedule, struct schedule_guest *guest,
                  const char *name, int64_t first_ns);
/* Not while a call is in flight. */
void schedule_remove(struct schedule *schedule, struct schedule_guest *guest);

/* From now on the guest is not asked (a call in flight goes on). */
void schedule_hold(struct schedule *schedule, struct schedule_guest *guest);
/* Ends a hold and every back-off: everything is due at first_ns, nothing is blocked. */
void schedule_release(struct schedule *schedule, struct schedule_guest *guest,
                      int64_t first_ns);

/* A silent guest has shown a sign of life: if it waits for a probe, that is due at
 * at_ns.  What was slow stays stretched, for it may have been what silenced it.  For
 * one that shows it after every probe, but never in time, this does nothing for a
 * while: it is asked less all the same. */
void schedule_probe_soon(struct schedule *schedule, struct schedule_guest *guest,
                         int64_t at_ns);

/* The collector's conversation goes on: its next call is due at at_ns, also if the
 * collector was disabled or blocked meanwhile. */
void schedule_continue(struct schedule *schedule, struct schedule_guest *guest,
                       size_t collector, int64_t at_ns);

/* The guest's filesystems are frozen: from now on, and until schedule_release(), only
 * this collector is asked, every SCHEDULE_FROZEN_NS. */
void schedule_restrict(struct schedule *schedule, struct schedule_guest *guest,
                       size_t collector, int64_t now_ns);

/* The agent does not have the collector's command, or has it disabled (or has it
 * again). */
void schedule_block(struct schedule *schedule, struct schedule_guest *guest,
                    size_t collector, bool blocked);

/* The collector's command must not be sent, be the guest a suspect or frozen (or it may
 * be again).  Only a conversation that has begun goes on to its end. */
void schedule_forbid(struct schedule *schedule, struct schedule_guest *guest,
                     size_t collector, bool forbidden);

/* The most overdue call that may go out now; marks the guest as in flight. */
bool schedule_next(struct schedule *schedule, int64_t now_ns,
                   struct schedule_turn *turn);
/* The call of the turn came back. */
void schedule_done(struct schedule *schedule, const struct schedule_turn *turn,
                   enum failure_kind outcome, int64_t duration_ns, int64_t now_ns);

/* The call does not come back, or nobody knows when: its place, also that among the
 * suspects, is another guest's from now on.  Its own guest stays in flight, as its
 * agent is held, until schedule_done(). */
void schedule_give_up(struct schedule *schedule, struct schedule_turn *turn);

/* When to call schedule_next() again; INT64_MAX: not before something else happens. */
int64_t schedule_wake_ns(const struct schedule *schedule);

/* Whether the collector may have the guest's next turn, as it is held, frozen or silent
 * now. */
bool schedule_may_send(const struct schedule *schedule,
                       const struct schedule_guest *guest, size_t collector);

/* Whether the guest is given only probes. */
bool schedule_is_backing_off(const struct schedule *schedule,
                             const struct schedule_guest *guest);

/* Whether nothing more is due for the guest at now_ns: the visit is over. */
bool schedule_is_idle(const struct schedule_guest *guest, int64_t now_ns);

/* Whether the guest waits for a place, between any two calls. */
bool schedule_is_confined(const struct schedule_guest *guest);

/* Whether others are in the way of the guest's calls, but not yet for long. */
bool schedule_is_put_off(const struct schedule_guest *guest);

/* Whether the guest could be asked, but there is no command left for it. */
bool schedule_asks_nothing(const struct schedule_guest *guest);

#endif
