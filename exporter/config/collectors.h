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
    int64_t interval_ns;
    int64_t
        timeout_ns; /* whole seconds, 1 to 4: the libvirt call counts in seconds, and
                       above 4 a stuck agent can make a backup's thaw be skipped */
    int64_t max_age_ns;                            /* 3 intervals unless configured */
    struct filter *filters[COLLECTOR_FILTERS_MAX]; /* in the order of
                       collector->filters; NULL: no pattern */
};

extern const struct section_key config_collector_keys[]; /* but for its filters */

/* Into an array by index in collectors[].  `map` NULL: the defaults. */
int config_collectors_read(const struct tree_node *map, void *settings,
                           struct failure *why);

#endif
