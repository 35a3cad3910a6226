/* The list of collectors: one line each, in the order of a visit. */
#include "collector.h"

#include <string.h>

extern const struct collector clock_collector;
extern const struct collector fsfreeze_collector;
extern const struct collector agent_collector;
extern const struct collector vcpu_collector;
extern const struct collector os_collector;
extern const struct collector hostname_collector;
extern const struct collector timezone_collector;
extern const struct collector load_collector;
extern const struct collector users_collector;
extern const struct collector cpustats_collector;
extern const struct collector diskstats_collector;
extern const struct collector network_collector;
extern const struct collector filesystem_collector;
extern const struct collector disks_collector;
extern const struct collector routes_collector;
extern const struct collector devices_collector;
extern const struct collector memory_blocks_collector;
extern const struct collector procfs_collector;

const struct collector *const collectors[] = {
    &clock_collector,
    &fsfreeze_collector,
    &agent_collector,
    &vcpu_collector,
    &os_collector,
    &hostname_collector,
    &timezone_collector,
    &load_collector,
    &users_collector,
    &cpustats_collector,
    &diskstats_collector,
    &network_collector,
    &filesystem_collector,
    &disks_collector,
    &routes_collector,
    &devices_collector,
    &memory_blocks_collector,
    &procfs_collector,
};
const size_t collectors_count = sizeof(collectors) / sizeof(collectors[0]);

const struct collector *const collector_probe = &clock_collector;
const struct collector *const collector_freeze = &fsfreeze_collector;

int
collector_find(const char *name)
{
    for (size_t i = 0; i < collectors_count; i++)
        if (strcmp(collectors[i]->name, name) == 0)
            return (int)i;
    return -1;
}
