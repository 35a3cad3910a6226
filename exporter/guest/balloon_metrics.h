/* A guest's memory, as its host tells it, as samples.  Pure. */
#ifndef GUEST_BALLOON_METRICS_H
#define GUEST_BALLOON_METRICS_H

#include "kit/metric.h"
#include "kit/samples.h"
#include "source/balloon.h"

#include <stdbool.h>
#include <stdint.h>

/* What the guest says itself, and what the host says of it.  NULL-terminated. */
extern const struct metric *const balloon_metrics[];
extern const struct metric *const balloon_host_metrics[];

/* Whether the guest said it not longer before the host was asked, by the host's clock.
 * A guest without a balloon, without its driver, or that is not asked for it says
 * nothing, or did so once when the driver was loaded. */
bool balloon_is_current(const struct balloon *balloon, int64_t max_age_ns);

/* CLOCK_MONOTONIC, from which on what the guest has said is too old. */
int64_t balloon_expires_ns(const struct balloon *balloon, int64_t max_age_ns);

void balloon_samples(const struct balloon *balloon, struct samples *out);
void balloon_host_samples(const struct balloon *balloon, struct samples *out);

#endif
