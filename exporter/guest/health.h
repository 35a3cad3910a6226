/* What the exporter says of each guest's agent and of each collector in it: the gauges
 * that are there for every running domain, also one that never answered.  Pure. */
#ifndef GUEST_HEALTH_H
#define GUEST_HEALTH_H

#include "guest/guest.h"
#include "kit/metric.h"
#include "kit/samples.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL-terminated, in the order of the exposition. */
extern const struct metric *const health_metrics[];

/* `enabled[i]`: the collector is asked for in the config. */
void health_samples(const struct guest *guest, enum agent_state state, bool backing_off,
                    const bool *enabled, struct samples *out);

#endif
