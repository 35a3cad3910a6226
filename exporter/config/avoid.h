/* The section `avoid`: what is not asked, because it is known to do harm in a guest. */
#ifndef CONFIG_AVOID_H
#define CONFIG_AVOID_H

#include "agent/harm.h"

#include <stdbool.h>
#include <stddef.h>

struct tree_node;
struct tree_problem;

struct avoid_config {
    bool known_harm;         /* honour the list that is shipped (agent/harm.h) */
    struct harm_rule *rules; /* of the user; strings owned */
    size_t rules_count;
};

/* `map` NULL: the defaults. */
int config_avoid_read(const struct tree_node *map, struct avoid_config *avoid,
                      struct tree_problem *problem);
void config_avoid_clear(struct avoid_config *avoid);

#endif
