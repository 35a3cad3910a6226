/* A small list of collectors for tests that must not depend on the real one. */
#ifndef UNIT_STUB_REGISTRY_H
#define UNIT_STUB_REGISTRY_H

#include "collector.h"

#include <string.h>

static const struct filter_spec disk_filters[] = {
    {.key = "paths", .default_exclude = "^/proc($|/)", .help = "paths"},
    {.key = "types", .default_exclude = NULL, .help = "types"},
    {.key = NULL},
};

static const struct metric stub_essential = {.name = "essential", .essential = true},
                           stub_detail = {.name = "detail", .detail = true};
static const struct metric *const time_metrics[] = {&stub_essential, NULL};
static const struct metric *const disk_metrics[] = {&stub_detail, NULL};

static const struct collector time_collector = {
    .name = "time",
    .help = "the time of day",
    .command = "guest-get-time",
    .default_interval_s = 15,
    .metrics = time_metrics,
};
static const struct collector disk_collector = {
    .name = "disk",
    .help = "disks and what is on them",
    .command = "guest-get-disks",
    .default_interval_s = 60,
    .metrics = disk_metrics,
    .filters = disk_filters,
};
static const struct collector users_collector = {
    .name = "users",
    .help = "who is there",
    .command = "guest-get-users",
    .default_interval_s = 300,
    .metrics = time_metrics,
    .default_disabled = true,
};

const struct collector *const collectors[] = {&time_collector, &disk_collector,
                                              &users_collector};
const size_t collectors_count = sizeof(collectors) / sizeof(collectors[0]);
const struct collector *const collector_probe = &time_collector;

int
collector_find(const char *name)
{
    for (size_t i = 0; i < collectors_count; i++)
        if (strcmp(collectors[i]->name, name) == 0)
            return (int)i;
    return -1;
}

#endif
