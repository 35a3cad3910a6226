/* What happens to an answer that came in: limits and envelope, the collector, the
 * store, and the note in the guest's state.  The poller's thread alone. */
#ifndef POLL_INTAKE_H
#define POLL_INTAKE_H

#include "config/config.h"
#include "guest/domain_metrics.h"
#include "guest/guest.h"
#include "source/source.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct intake {
    const struct config *config;
    struct store *store;
    bool finishing; /* conversations are tidied up, none is begun */
    struct domain_metrics *domain;
    struct samples *samples; /* of the reply that is being read; used again and again */
};

struct intake intake_new(const struct config *config, struct store *store);
void intake_free(struct intake *intake);
/* Another config from now on; the old one may be freed afterwards. */
void intake_configure(struct intake *intake, const struct config *config);
/* Whether a collector is on that asks guests for their addresses. */
bool intake_asks_addresses(const struct intake *intake);

/* Reads the answer to the collector's command, publishes what it says, withdraws what
 * no longer holds, and notes all of it in the guest.  `publish` false: only whether and
 * how the agent answered counts (a probe, or a guest that started anew meanwhile). */
enum failure_kind intake_answer(const struct intake *intake, struct guest *guest,
                                size_t collector, bool publish,
                                const struct call *call);

/* The answer to a call from before the agent could be asked anew: what it has opened is
 * to be closed, and nothing else counts. */
void intake_late_answer(const struct intake *intake, struct guest *guest,
                        size_t collector, const struct call *call);

/* Publishes the guest's health, and what is stale of its definition and its record for
 * service discovery. */
void intake_health(const struct intake *intake, struct guest *guest,
                   enum agent_state state, bool backing_off);

/* The slots of the store that intake writes: one for each collector, then the health,
 * then the definition.  NULL-terminated family lists; returns how many there are. */
#define INTAKE_SLOTS_MAX (COLLECTORS_MAX + 2)
size_t intake_slots(const struct metric *const *slots[INTAKE_SLOTS_MAX]);

#endif
