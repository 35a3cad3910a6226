/* The section `sources`: where guests come from. */
#include "config_parts.h"

#include "config_check.h"
#include "memory.h"

#include <string.h>

#define DEFAULT_LANES 4
#define LANES_MAX                                                                      \
    16 /* each is a thread and a connection; libvirtd serves 20 at once                \
        */

static struct source_config *
source_add(struct config *config)
{
    config->sources = memory_resize(config->sources, config->sources_count + 1,
                                    sizeof(*config->sources));
    struct source_config *source = &config->sources[config->sources_count++];
    *source = (struct source_config){.kind = SOURCE_LIBVIRT};
    source->name = memory_string("");
    source->libvirt.uri = memory_string(CONFIG_DEFAULT_LIBVIRT_URI);
    source->libvirt.lanes = DEFAULT_LANES;
    return source;
}

static int
source_libvirt_read(const struct tree_node *map, struct source_config *source,
                    struct tree_problem *problem)
{
    static const char *const keys[] = {"uri", "lanes", NULL};
    static const struct field fields[] = {
        {"lanes", FIELD_UNSIGNED, offsetof(struct source_config, libvirt.lanes), 1,
         LANES_MAX},
        {.key = NULL},
    };
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    const struct tree_node *node = tree_child(map, "uri");
    const char *uri = CONFIG_DEFAULT_LIBVIRT_URI;
    if (node != NULL && config_checked_read(node, config_check_uri, &uri, problem) < 0)
        return -1;
    source->kind = SOURCE_LIBVIRT;
    config_string_set(&source->libvirt.uri, uri);
    return config_fields_read(fields, map, source, problem);
}

static int
source_socket_read(const struct tree_node *map, struct source_config *source,
                   struct tree_problem *problem)
{
    (void)source;
    return tree_fail(problem, map,
                     "this build has only libvirt sources; remove the socket source");
}

static const struct {
    const char *key;
    int (*read)(const struct tree_node *map, struct source_config *source,
                struct tree_problem *problem);
} source_kinds[] = {
    {"libvirt", source_libvirt_read},
    {"socket", source_socket_read},
};
#define SOURCE_KINDS (sizeof(source_kinds) / sizeof(source_kinds[0]))

/* Its one kind. */
static int
source_kind_read(const struct tree_node *map, struct source_config *source,
                 struct tree_problem *problem)
{
    size_t found = SOURCE_KINDS;
    for (size_t i = 0; i < SOURCE_KINDS; i++) {
        if (tree_child(map, source_kinds[i].key) == NULL)
            continue;
        if (found < SOURCE_KINDS)
            return tree_fail(problem, map,
                             "is both a %s and a %s source; make two sources of it",
                             source_kinds[found].key, source_kinds[i].key);
        found = i;
    }
    if (found == SOURCE_KINDS)
        return tree_fail(problem, map,
                         "says no kind of source; write libvirt: {uri: "
                         "\"" CONFIG_DEFAULT_LIBVIRT_URI "\"}");
    return source_kinds[found].read(tree_child(map, source_kinds[found].key), source,
                                    problem);
}

static int
source_name_read(const struct tree_node *map, bool needed, struct source_config *source,
                 struct tree_problem *problem)
{
    const struct tree_node *node = tree_child(map, "name");
    const char *name = "";
    if (node == NULL && needed)
        return tree_fail(problem, map,
                         "has no name; with more than one source give each a unique "
                         "name");
    if (node == NULL || (!needed && node->quoted && node->text[0] == '\0'))
        return 0;
    if (config_checked_read(node, config_check_source_name, &name, problem) < 0)
        return -1;
    config_string_set(&source->name, name);
    return 0;
}

/* The last source against those before it. */
static int
source_check_unique(const struct config *config, const struct tree_node *map,
                    struct tree_problem *problem)
{
    char quoted[TREE_QUOTE_BYTES];
    const struct source_config *last = &config->sources[config->sources_count - 1];
    for (const struct source_config *other = config->sources; other < last; other++) {
        if (strcmp(other->name, last->name) == 0)
            return tree_fail(
                problem, tree_child(map, "name"),
                "\"%s\" is also the name of sources[%td]; give each source "
                "a unique name",
                tree_quote(last->name, quoted), other - config->sources);
        if (strcmp(other->libvirt.uri, last->libvirt.uri) == 0)
            return tree_fail(problem, map,
                             "has the same URI \"%s\" as sources[%td], so each guest "
                             "would be asked twice; remove one of the two",
                             tree_quote(last->libvirt.uri, quoted),
                             other - config->sources);
    }
    return 0;
}

static int
source_read(const struct tree_node *map, bool name_needed, struct config *config,
            struct tree_problem *problem)
{
    static const char *const keys[] = {"name", "libvirt", "socket", NULL};
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    struct source_config *source = source_add(config);
    if (source_kind_read(map, source, problem) < 0 ||
        source_name_read(map, name_needed, source, problem) < 0)
        return -1;
    return source_check_unique(config, map, problem);
}

int
config_sources_read(const struct tree_node *list, struct config *config,
                    struct tree_problem *problem)
{
    if (tree_is_null(list)) {
        source_add(config);
        return 0;
    }
    if (list->kind != TREE_LIST)
        return tree_fail(problem, list,
                         "is not a list; write it like - libvirt: {uri: "
                         "\"" CONFIG_DEFAULT_LIBVIRT_URI "\"}");
    if (list->first == NULL)
        return tree_fail(problem, list,
                         "is empty; list a source, or remove the key "
                         "for " CONFIG_DEFAULT_LIBVIRT_URI);
    for (const struct tree_node *map = list->first; map != NULL; map = map->next) {
        if (map->index >= CONFIG_SOURCES_MAX)
            return tree_fail(problem, map,
                             "is one too many; %d sources are the most, so start a "
                             "second exporter for the rest",
                             CONFIG_SOURCES_MAX);
        if (source_read(map, list->first->next != NULL, config, problem) < 0)
            return -1;
    }
    return 0;
}
