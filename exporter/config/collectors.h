/* The section `collectors`. */
#ifndef CONFIG_COLLECTORS_H
#define CONFIG_COLLECTORS_H

#include "collector.h"
#include "yaml/section.h"

#include <stdbool.h>
#include <stdint.h>

/* Whole seconds: the libvirt call counts in them, and above 4 s a stuck agent can make
 * a backup's thaw be skipped. */
#define COLLECTOR_TIMEOUT_MIN_NS (INT64_C(1) * 1000 * 1000 * 1000)
#define COLLECTOR_TIMEOUT_MAX_NS (4 * COLLECTOR_TIMEOUT_MIN_NS)

struct filter;

struct collector_config {
    bool enabled;
    enum metric_profile profile; /* what of it is shown */
    int64_t interval_ns;
    int64_t timeout_ns; /* whole seconds, from the least to the most above */
    int64_t max_age_ns; /* 3 intervals unless configured */
    struct filter *filters[COLLECTOR_FILTERS_MAX]; /* in the order of
                       collector->filters; NULL: no pattern */
};

extern const struct section_key config_collector_keys[]; /* but for its filters */

/* Into an array by index in collectors[].  `map` NULL: the defaults of the profile. The
 * minimal one asks what it shows and what the exporter itself wants to know; a
 * collector that the user switches on is shown as by default. */
int config_collectors_read(const struct tree_node *map, enum metric_profile profile,
                           struct collector_config *settings, struct failure *why);
void config_collector_switch(struct collector_config *settings, bool enabled);

#endif
