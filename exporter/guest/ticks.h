/* When each collector of a guest is due: on a grid of its own, whose phase is a hash of
 * both names.  Pure; what it changes is the guest's entries. */
#ifndef GUEST_TICKS_H
#define GUEST_TICKS_H

#include "guest/schedule_guest.h"

/* Phases of web-1, web-2 ... must not lie side by side. */
uint64_t ticks_mixed(uint64_t hash);

/* Whether the collector may be asked at all: by the settings, by what the agent has,
 * and while the guest is restricted to one. */
bool ticks_is_asked(const struct schedule_settings *settings,
                    const struct schedule_guest *guest, size_t collector);

/* Whether there is a command that may be sent to a suspect. */
bool ticks_has_probe(const struct schedule_settings *settings,
                     const struct schedule_guest *guest);

/* The collector that is due first, and when; of those that are due already, the first
 * of the list: that is the order of a visit.  INT64_MAX: none. */
size_t ticks_first_due(const struct schedule_settings *settings,
                       const struct schedule_guest *guest, int64_t now_ns,
                       int64_t *due_ns);

/* The next tick that is at least half a period away: regular ticks stay regular, missed
 * ones are not caught up, and a tick right after an unscheduled call is left out. */
void ticks_set_next(const struct schedule_settings *settings,
                    struct schedule_guest *guest, size_t collector, int64_t now_ns);

/* Likewise by new settings.  What is due sooner by the old ones stays so: until a
 * longer interval's first tick the old answer may be too old. */
void ticks_reset(const struct schedule_settings *settings, struct schedule_guest *guest,
                 size_t collector, int64_t now_ns);

/* The call was slow: the collector's period doubles, within SCHEDULE_STRETCH_MAX_NS. */
void ticks_stretch(const struct schedule_settings *settings,
                   struct schedule_guest *guest, size_t collector);

#endif
