/* The section `avoid`: what is not asked, because it is known to do harm in a guest. */
#ifndef CONFIG_AVOID_H
#define CONFIG_AVOID_H

#include "agent/harm.h"
#include "yaml/section.h"

#include <stdbool.h>
#include <stddef.h>

struct avoid_config {
    bool known_harm;         /* honour the list that is shipped (agent/harm.h) */
    struct harm_rule *rules; /* of the user; strings owned */
    size_t rules_count;
};

extern const struct section_key config_avoid_keys[];
void config_avoid_clear(struct avoid_config *avoid);

#endif
