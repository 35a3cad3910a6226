/* The section `metadata_labels`: what of a domain's metadata becomes labels. */
#include "config/metadata.h"

#include "config/check.h"
#include "kit/memory.h"
#include "yaml/section.h"

#include <stdlib.h>
#include <string.h>

void
config_metadata_clear(struct metadata_config *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        free(metadata->labels[i].name);
        free(metadata->labels[i].namespace);
        free(metadata->labels[i].path);
    }
    free(metadata->labels);
}

static int
label_name_check(const struct tree_node *node, struct failure *why)
{
    static const char *const taken[] = {DOMAIN_OWN_LABELS, "domain", "source",
                                        "instance", "job"};
    char quoted[TREE_QUOTE_BYTES];
    const char *wrong = config_check_label_name(node->key);
    bool is_taken = false;

    if (wrong)
        return tree_fail(why, node, "\"%s\" %s", tree_quote(node->key, quoted), wrong);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        is_taken = is_taken || strcmp(taken[i], node->key) == 0;
    if (is_taken)
        return tree_fail(why, node,
                         "is a label that is there anyway; choose another "
                         "name");
    return 0;
}

/* `value` is "{NAMESPACE}PATH": config_check_metadata_path() has seen to it. */
static struct domain_label
label_make(const char *name, const char *value)
{
    const char *end = strchr(value, '}');
    size_t length = (size_t)(end - value - 1);
    char *namespace = memory_new(length + 1, 1);

    memcpy(namespace, value + 1, length);
    return (struct domain_label){
        .name = memory_string(name),
        .namespace = namespace,
        .path = memory_string(end + 1),
    };
}

int
config_metadata_read(const struct tree_node *map, void *value, struct failure *why)
{
    struct metadata_config *metadata = value;
    const char *place;

    if (tree_is_null(map))
        return 0;
    if (map->kind != TREE_MAP)
        return tree_fail(why, map,
                         "is not a map; write it like {customer: "
                         "\"{https://example.com/billing/1}account/customer\"}");
    metadata->labels = memory_new(DOMAIN_LABELS_MAX, sizeof(*metadata->labels));
    for (const struct tree_node *node = map->first; node; node = node->next) {
        if (metadata->count == DOMAIN_LABELS_MAX)
            return tree_fail(why, node, "is one too many; %d labels are the most",
                             DOMAIN_LABELS_MAX);
        if (label_name_check(node, why) < 0 ||
            section_text(node, config_check_metadata_path, &place, why) < 0)
            return -1;
        metadata->labels[metadata->count++] = label_make(node->key, place);
    }
    return 0;
}
