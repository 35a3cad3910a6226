/* The section `metadata_labels`: what of a domain's metadata becomes labels. */
#ifndef CONFIG_METADATA_H
#define CONFIG_METADATA_H

#include "config/domain_label.h"

#include <stddef.h>

struct tree_node;
struct failure;

struct metadata_config {
    struct domain_label *labels; /* of qga_domain_info; strings owned */
    size_t count;                /* at most DOMAIN_LABELS_MAX */
};

/* `map` NULL: none.  Into a struct metadata_config. */
int config_metadata_read(const struct tree_node *map, void *metadata,
                         struct failure *why);
void config_metadata_clear(struct metadata_config *metadata);

#endif
