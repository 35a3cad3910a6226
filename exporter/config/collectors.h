/* The section `collectors`. */
#ifndef CONFIG_COLLECTORS_H
#define CONFIG_COLLECTORS_H

#include "collector.h"
#include "yaml/section.h"

#include <stdbool.h>
#include <stdint.h>

struct filter;

struct collector_config {
    bool enabled;
    enum metric_profile profile; /* what of it is shown */
    int64_t interval_ns;
    int64_t
        timeout_ns; /* whole seconds, 1 to 4: the libvirt call counts in seconds, and
                       above 4 a stuck agent can make a backup's thaw be skipped */
    int64_t max_age_ns;                            /* 3 intervals unless configured */
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
