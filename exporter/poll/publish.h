/* From what is known of a guest to the store: the series of its collectors, its health,
 * its definition, and its record for service discovery.  The loop thread alone. */
#ifndef POLL_PUBLISH_H
#define POLL_PUBLISH_H

#include "base/log.h"
#include "collector.h"
#include "source/source.h"
#include "store/body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer;
struct events;
struct guest;
struct schedule_turn;
struct store_guest;
struct verdict;
struct watch;

/* The slots of the store: one for each collector, then the health, the definition and
 * the memory by the balloon, of the guest's word and of the host's, and its events.
 * Returns how many there are. */
#define PUBLISH_SLOTS_MAX (COLLECTORS_MAX + 5)
size_t publish_slots(struct store_part slots[PUBLISH_SLOTS_MAX]);

/* What the verdict on a call says of its collector's series. */
void publish_series(const struct watch *watch, struct guest *guest,
                    const struct schedule_turn *turn, const struct answer *answer,
                    const struct verdict *verdict);
/* The guest's balloon, as far as it is known. */
void publish_balloon(const struct watch *watch, const struct guest *guest);
/* What is logged of a guest: so many lines at once, and then one in so long; what is
 * beyond that is of level debug.  `spent_ns` is its budget; now_ns: CLOCK_MONOTONIC. */
enum log_level publish_log_level(int64_t *spent_ns, enum log_level level,
                                 int64_t now_ns);
/* Events, in a place of the store that may not be the guest's any more.  `pause`: why
 * it stands still; NULL: it does not. */
void publish_events(const struct watch *watch, const struct events *events,
                    const enum pause_reason *pause, const char *identity,
                    struct store_guest *place);
/* What has changed (GUEST_...) of the guest and its state, which is logged.  What may
 * wait does so, until GUEST_HEALTH is published too; whether it was.  now_ns:
 * CLOCK_MONOTONIC. */
bool publish(const struct watch *watch, struct guest *guest, unsigned int changed,
             int64_t now_ns);

#endif
