/* The section `sources`: where guests come from. */
#include "config/sources.h"

#include "config/check.h"
#include "config/fields.h"
#include "config/guest_name.h"
#include "kit/failure.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LANES 4
/* Each is a thread and a connection; libvirtd serves 20 at once. */
#define LANES_MAX 16

/* The file's name without its ending. */
#define DEFAULT_GUEST_NAME "([^/]+?)(?:[.][A-Za-z]+)?$"

/* Where others put their agents' sockets. */
static const struct {
    const char *name, *path, *guest_name;
} presets[] = {
    {"proxmox", "/var/run/qemu-server/*.qga", "([0-9]+)[.]qga$"},
    /* The folder is target/domain-1-web up to about libvirt 9, 1-web since then; long
     * names of domains are cut in it (20 characters). */
    {"libvirt-second-channel",
     "{/run,/var/lib}/libvirt/qemu/channel/{.,target}/*/org.qemu.guest_agent.1",
     "/(?:domain-)?[0-9]+-([^/]+)/[^/]+$"},
};
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

static struct source_config *
source_add(struct source_config **sources, size_t *count)
{
    *sources = memory_resize(*sources, *count + 1, sizeof(**sources));
    struct source_config *source = &(*sources)[(*count)++];
    *source = (struct source_config){.kind = SOURCE_LIBVIRT};
    source->name = memory_string("");
    source->libvirt.uri = memory_string(CONFIG_DEFAULT_LIBVIRT_URI);
    source->libvirt.lanes = DEFAULT_LANES;
    source->socket.path = memory_string("");
    source->socket.guest_name = memory_string(DEFAULT_GUEST_NAME);
    return source;
}

void
source_config_clear(struct source_config *source)
{
    free(source->name);
    free(source->libvirt.uri);
    free(source->socket.path);
    free(source->socket.guest_name);
}

void
source_config_copy(struct source_config *copy, const struct source_config *source)
{
    *copy = *source;
    copy->name = memory_string(source->name);
    copy->libvirt.uri = memory_string(source->libvirt.uri);
    copy->socket.path = memory_string(source->socket.path);
    copy->socket.guest_name = memory_string(source->socket.guest_name);
}

bool
source_config_is_same(const struct source_config *a, const struct source_config *b)
{
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
           strcmp(a->libvirt.uri, b->libvirt.uri) == 0 &&
           a->libvirt.lanes == b->libvirt.lanes &&
           strcmp(a->socket.path, b->socket.path) == 0 &&
           strcmp(a->socket.guest_name, b->socket.guest_name) == 0;
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
source_preset_read(const struct tree_node *node, struct source_config *source,
                   struct tree_problem *problem)
{
    char quoted[TREE_QUOTE_BYTES];
    const char *name;
    if (value_read_string(node, &name, problem) < 0)
        return -1;
    for (size_t i = 0; i < PRESETS; i++) {
        if (strcmp(presets[i].name, name) != 0)
            continue;
        config_string_set(&source->socket.path, presets[i].path);
        config_string_set(&source->socket.guest_name, presets[i].guest_name);
        return 0;
    }
    return tree_fail(problem, node,
                     "\"%s\" is no preset; write proxmox or libvirt-second-channel",
                     tree_quote(name, quoted));
}

static int
source_guest_name_read(const struct tree_node *node, struct source_config *source,
                       struct tree_problem *problem)
{
    char error[FAILURE_TEXT_BYTES];
    const char *pattern;
    if (value_read_string(node, &pattern, problem) < 0)
        return -1;
    struct guest_name *rule = guest_name_new(pattern, error, sizeof(error));
    if (rule == NULL)
        return tree_fail(problem, node, "%s", error);
    guest_name_free(rule);
    config_string_set(&source->socket.guest_name, pattern);
    return 0;
}

static int
source_socket_read(const struct tree_node *map, struct source_config *source,
                   struct tree_problem *problem)
{
    static const char *const keys[] = {"preset", "path", "guest_name", NULL};
    const struct tree_node *preset = tree_child(map, "preset");
    const struct tree_node *path = tree_child(map, "path");
    const struct tree_node *guest_name = tree_child(map, "guest_name");
    const char *pattern;
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    if (preset == NULL && path == NULL)
        return tree_fail(problem, map,
                         "has no path; write path: \"/run/agents/*.sock\", or preset: "
                         "proxmox");
    source->kind = SOURCE_SOCKET;
    if (preset != NULL && source_preset_read(preset, source, problem) < 0)
        return -1;
    if (path != NULL) {
        if (config_checked_read(path, config_check_socket_path, &pattern, problem) < 0)
            return -1;
        config_string_set(&source->socket.path, pattern);
    }
    return guest_name == NULL ? 0 : source_guest_name_read(guest_name, source, problem);
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
source_check_unique(const struct source_config *sources,
                    const struct source_config *last, const struct tree_node *map,
                    struct tree_problem *problem)
{
    char quoted[TREE_QUOTE_BYTES];
    for (const struct source_config *other = sources; other < last; other++) {
        if (strcmp(other->name, last->name) == 0)
            return tree_fail(
                problem, tree_child(map, "name"),
                "\"%s\" is also the name of sources[%td]; give each source "
                "a unique name",
                tree_quote(last->name, quoted), other - sources);
        if (other->kind == SOURCE_SOCKET && last->kind == SOURCE_SOCKET &&
            strcmp(other->socket.path, last->socket.path) == 0)
            return tree_fail(problem, map,
                             "has the same path \"%s\" as sources[%td], and an agent "
                             "serves one client; remove one of the two",
                             tree_quote(last->socket.path, quoted), other - sources);
        if (other->kind == SOURCE_LIBVIRT && last->kind == SOURCE_LIBVIRT &&
            strcmp(other->libvirt.uri, last->libvirt.uri) == 0)
            return tree_fail(problem, map,
                             "has the same URI \"%s\" as sources[%td], so each guest "
                             "would be asked twice; remove one of the two",
                             tree_quote(last->libvirt.uri, quoted), other - sources);
    }
    return 0;
}

static int
source_read(const struct tree_node *map, bool name_needed,
            struct source_config **sources, size_t *count, struct tree_problem *problem)
{
    static const char *const keys[] = {"name", "libvirt", "socket", NULL};
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    struct source_config *source = source_add(sources, count);
    if (source_kind_read(map, source, problem) < 0 ||
        source_name_read(map, name_needed, source, problem) < 0)
        return -1;
    return source_check_unique(*sources, source, map, problem);
}

int
config_sources_read(const struct tree_node *list, struct source_config **sources,
                    size_t *count, struct tree_problem *problem)
{
    if (tree_is_null(list)) {
        source_add(sources, count);
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
        if (source_read(map, list->first->next != NULL, sources, count, problem) < 0)
            return -1;
    }
    return 0;
}
