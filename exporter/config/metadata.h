/* The section `metadata_labels`: what of a domain's metadata becomes labels. */
#ifndef CONFIG_METADATA_H
#define CONFIG_METADATA_H

#include "config/domain_label.h"

#include <stddef.h>

struct tree_node;
struct tree_problem;

struct metadata_config {
    struct domain_label *labels; /* of qga_domain_info; strings owned */
    size_t count;                /* at most DOMAIN_LABELS_MAX */
};

/* `map` NULL: none. */
int config_metadata_read(const struct tree_node *map, struct metadata_config *metadata,
                         struct tree_problem *problem);
void config_metadata_clear(struct metadata_config *metadata);

#endif
