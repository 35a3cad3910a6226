/* The section `sources`: where guests come from. */
#include "config/sources.h"

#include "base/clock.h"
#include "config/check.h"
#include "config/guest_name.h"
#include "kit/failure.h"
#include "kit/memory.h"
#include "kit/pattern.h"
#include "yaml/section.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LANES 4
/* Each is a thread and a connection; libvirtd serves 20 at once. */
#define LANES_MAX 16

#define DEFAULT_BALLOON_INTERVAL_NS (15 * NS_PER_S)
/* By default these are more than a minute, in which some hosts have it told. */
#define DEFAULT_BALLOON_MAX_AGE_INTERVALS 5
#define BALLOON_INTERVAL_MAX_NS NS_PER_HOUR

/* Where Proxmox VE has its guests' sockets and pid files. */
#define PROXMOX_RUN "/var/run/qemu-server"

/* The file's name without its ending. */
#define DEFAULT_GUEST_NAME "([^/]+?)(?:[.][A-Za-z]+)?$"

/* Where others put their agents' sockets. */
static const struct {
    const char *name, *path, *guest_name;
    enum socket_use use;
} presets[] = {
    {"proxmox", PROXMOX_RUN "/*.qga", "([0-9]+)[.]qga$", SOCKET_SHARED},
    /* The folder is target/domain-1-web up to about libvirt 9, 1-web since then; long
     * names of domains are cut in it (20 characters). */
    {"libvirt-second-channel",
     "{/run,/var/lib}/libvirt/qemu/channel/{.,target}/*/org.qemu.guest_agent.1",
     "/(?:domain-)?[0-9]+-([^/]+)/[^/]+$", SOCKET_KEPT},
};
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

static struct source_config *
source_add(struct source_config **sources, size_t *count)
{
    *sources = memory_resize(*sources, *count + 1, sizeof(**sources));
    struct source_config *source = &(*sources)[(*count)++];
    *source = (struct source_config){.kind = SOURCE_LIBVIRT};
    source->name = memory_string("libvirt");
    source->libvirt.uri = memory_string(CONFIG_DEFAULT_LIBVIRT_URI);
    source->libvirt.lanes = DEFAULT_LANES;
    source->libvirt.balloon = (struct balloon_config){
        .enabled = true,
        .interval_ns = DEFAULT_BALLOON_INTERVAL_NS,
        .max_age_ns = DEFAULT_BALLOON_MAX_AGE_INTERVALS * DEFAULT_BALLOON_INTERVAL_NS,
    };
    source->socket.path = memory_string("");
    source->socket.guest_name = memory_string(DEFAULT_GUEST_NAME);
    source->proxmox.sockets = memory_string(PROXMOX_RUN);
    source->proxmox.pid_files = memory_string(PROXMOX_RUN);
    source->proxmox.configurations = memory_string("/etc/pve/qemu-server");
    return source;
}

void
source_config_clear(struct source_config *source)
{
    free(source->name);
    free(source->libvirt.uri);
    free(source->socket.path);
    free(source->socket.guest_name);
    free(source->proxmox.sockets);
    free(source->proxmox.pid_files);
    free(source->proxmox.configurations);
}

void
source_config_copy(struct source_config *copy, const struct source_config *source)
{
    *copy = *source;
    copy->name = memory_string(source->name);
    copy->libvirt.uri = memory_string(source->libvirt.uri);
    copy->socket.path = memory_string(source->socket.path);
    copy->socket.guest_name = memory_string(source->socket.guest_name);
    copy->proxmox.sockets = memory_string(source->proxmox.sockets);
    copy->proxmox.pid_files = memory_string(source->proxmox.pid_files);
    copy->proxmox.configurations = memory_string(source->proxmox.configurations);
}

static bool
is_same_balloon(const struct balloon_config *a, const struct balloon_config *b)
{
    return a->enabled == b->enabled && a->interval_ns == b->interval_ns &&
           a->max_age_ns == b->max_age_ns;
}

bool
source_config_is_same(const struct source_config *a, const struct source_config *b)
{
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
           strcmp(a->libvirt.uri, b->libvirt.uri) == 0 &&
           a->libvirt.lanes == b->libvirt.lanes &&
           a->libvirt.ask_without_definition == b->libvirt.ask_without_definition &&
           is_same_balloon(&a->libvirt.balloon, &b->libvirt.balloon) &&
           strcmp(a->socket.path, b->socket.path) == 0 &&
           strcmp(a->socket.guest_name, b->socket.guest_name) == 0 &&
           a->socket.use == b->socket.use &&
           strcmp(a->proxmox.sockets, b->proxmox.sockets) == 0 &&
           strcmp(a->proxmox.pid_files, b->proxmox.pid_files) == 0 &&
           strcmp(a->proxmox.configurations, b->proxmox.configurations) == 0 &&
           a->proxmox.names == b->proxmox.names &&
           a->proxmox.ask_without_definition == b->proxmox.ask_without_definition;
}

const char *
source_config_place(const struct source_config *source)
{
    if (source->kind == SOURCE_PROXMOX)
        return source->proxmox.pid_files;
    return source->kind == SOURCE_LIBVIRT ? source->libvirt.uri : source->socket.path;
}

static int
preset_read(const struct tree_node *node, void *value, struct failure *why)
{
    struct source_config *source = value;
    char quoted[TREE_QUOTE_BYTES];
    const char *name;

    if (!node)
        return 0;
    if (value_read_string(node, &name, why) < 0)
        return -1;
    for (size_t i = 0; i < PRESETS; i++) {
        if (strcmp(presets[i].name, name) != 0)
            continue;
        section_set_text(&source->socket.path, presets[i].path);
        section_set_text(&source->socket.guest_name, presets[i].guest_name);
        source->socket.use = presets[i].use;
        return 0;
    }
    return tree_fail(why, node,
                     "\"%s\" is no preset; write proxmox or libvirt-second-channel",
                     tree_quote(name, quoted));
}

static int
guest_name_read(const struct tree_node *node, void *value, struct failure *why)
{
    struct source_config *source = value;
    const char *text;

    if (!node)
        return 0;
    if (value_read_string(node, &text, why) < 0)
        return -1;
    struct pattern *pattern = guest_name_new(text, why);

    if (!pattern)
        return tree_fail(why, node, "%s", why->text);
    pattern_free(pattern);
    section_set_text(&source->socket.guest_name, text);
    return 0;
}

static int
balloon_read(const struct tree_node *map, void *value, struct failure *why)
{
    struct balloon_config *balloon = &((struct source_config *)value)->libvirt.balloon;
    char text[VALUE_BYTES], interval[VALUE_BYTES];

    if (!map || !tree_child(map, "max_age"))
        balloon->max_age_ns = DEFAULT_BALLOON_MAX_AGE_INTERVALS * balloon->interval_ns;
    if (balloon->max_age_ns >= balloon->interval_ns)
        return 0;
    return tree_fail(why, tree_child(map, "max_age"),
                     "%s is shorter than the interval of %s, so the values would come "
                     "and go; write %s or more",
                     value_duration_format(balloon->max_age_ns, text),
                     value_duration_format(balloon->interval_ns, interval), interval);
}

static const struct section_key balloon_keys[] = {
    {"enabled", SECTION_BOOL, offsetof(struct source_config, libvirt.balloon.enabled),
     .range = "",
     .help = "whether libvirt is asked for the memory statistics of all guests"},
    {"interval", SECTION_DURATION,
     offsetof(struct source_config, libvirt.balloon.interval_ns), NS_PER_S,
     BALLOON_INTERVAL_MAX_NS, .help = "between one call for all guests and the next"},
    {"max_age", SECTION_DURATION,
     offsetof(struct source_config, libvirt.balloon.max_age_ns), NS_PER_S,
     24 * BALLOON_INTERVAL_MAX_NS, .standard = "5 intervals",
     .range = "the interval to 24h",
     .help = "what a guest has said longer ago is withdrawn"},
    {.key = NULL},
};

const struct section_key config_libvirt_keys[] = {
    {"uri", SECTION_TEXT, offsetof(struct source_config, libvirt.uri),
     .check = config_check_uri, .range = "",
     .help = "the daemon; a local one, since clocks are compared with this host's"},
    {"lanes", SECTION_UNSIGNED, offsetof(struct source_config, libvirt.lanes), 1,
     LANES_MAX, .help = "guests asked at the same time"},
    {"ask_without_definition", SECTION_BOOL,
     offsetof(struct source_config, libvirt.ask_without_definition), .range = "",
     .help = "whether guests are asked whose definition libvirt does not let the "
             "exporter read, although it may say to leave them alone"},
    {"balloon", .keys = balloon_keys, .read = balloon_read},
    {.key = NULL},
};

static const char *const socket_uses[] = {
    [SOCKET_AUTO] = "auto", [SOCKET_SHARED] = "shared", [SOCKET_KEPT] = "kept", NULL};

static const char *
check_socket_use(const char *name)
{
    return config_check_choice(name, socket_uses,
                               "is no way to use a socket; write auto, shared or kept");
}

/* What is written wins over the preset, so that comes first. */
static const struct section_key socket_keys[] = {
    {"preset", .read = preset_read, .standard = "none",
     .range = "`proxmox`, `libvirt-second-channel`",
     .help = "path and guest_name of sockets that others make"},
    {"path", SECTION_TEXT, offsetof(struct source_config, socket.path),
     .check = config_check_socket_path, .standard = "none",
     .range = "absolute, up to 1024 bytes",
     .help = "the agents' sockets: a pattern like in a shell, with `{a,b}`"},
    {"guest_name", .read = guest_name_read,
     .standard = "the file's name without its ending",
     .range = "regular expression with one group",
     .help = "what of the path is the guest's name"},
    {"connection", SECTION_CHOICE, offsetof(struct source_config, socket.use),
     .check = check_socket_use, .choices = socket_uses, .range = "auto, shared, kept",
     .help = "`shared` with other programs, `kept` for the exporter alone; `auto`: "
             "kept if qemu-ga itself listens"},
    {.key = NULL},
};

static const struct section_key proxmox_keys[] = {
    {"names", SECTION_BOOL, offsetof(struct source_config, proxmox.names), .range = "",
     .help = "whether the label `domain` is the guest's name, and not its number"},
    {"ask_without_definition", SECTION_BOOL,
     offsetof(struct source_config, proxmox.ask_without_definition), .range = "",
     .help = "whether guests are asked whose configuration cannot be read, although it "
             "may say to leave them alone"},
    {"pid_files", SECTION_TEXT, offsetof(struct source_config, proxmox.pid_files),
     .check = config_check_folder, .range = "absolute, up to 1024 bytes",
     .help = "the folder of `VMID.pid`: the guests that run"},
    {"sockets", SECTION_TEXT, offsetof(struct source_config, proxmox.sockets),
     .check = config_check_folder, .range = "absolute, up to 1024 bytes",
     .help = "the folder of their agents' sockets, `VMID.qga`"},
    {"configurations", SECTION_TEXT,
     offsetof(struct source_config, proxmox.configurations),
     .check = config_check_folder, .range = "absolute, up to 1024 bytes",
     .help = "the folder of their configurations, `VMID.conf`"},
    {.key = NULL},
};

const struct section_key config_source_keys[] = {
    {"name", .standard = "its kind", .range = "letters, digits, `.` `-` `_`",
     .help = "the label `source` of its guests' series; unique"},
    {"libvirt", .keys = config_libvirt_keys},
    {"socket", .keys = socket_keys},
    {"proxmox", .keys = proxmox_keys},
    {.key = NULL},
};

/* Its one kind. */
static int
source_kind_read(const struct tree_node *map, struct source_config *source,
                 struct failure *why)
{
    const struct section_key *found = NULL;

    for (const struct section_key *key = config_source_keys; key->key; key++) {
        if (!key->keys || !tree_child(map, key->key))
            continue;
        if (found)
            return tree_fail(why, map,
                             "is both a %s and a %s source; make two sources of it",
                             found->key, key->key);
        found = key;
    }
    if (!found)
        return tree_fail(why, map,
                         "says no kind of source; write libvirt: {uri: "
                         "\"" CONFIG_DEFAULT_LIBVIRT_URI "\"}");
    source->kind = found->keys == socket_keys    ? SOURCE_SOCKET
                   : found->keys == proxmox_keys ? SOURCE_PROXMOX
                                                 : SOURCE_LIBVIRT;
    section_set_text(&source->name, found->key);
    map = tree_child(map, found->key);
    if (section_read(found->keys, map, source, why) < 0)
        return -1;
    if (source->kind != SOURCE_SOCKET || *source->socket.path)
        return 0;
    return tree_fail(why, map,
                     "has no path; write path: \"/run/agents/*.sock\", or preset: "
                     "proxmox");
}

static int
source_name_read(const struct tree_node *map, struct source_config *source,
                 struct failure *why)
{
    const struct tree_node *node = tree_child(map, "name");
    const char *name;

    if (!node)
        return 0;
    if (section_text(node, config_check_source_name, &name, why) < 0)
        return -1;
    section_set_text(&source->name, name);
    return 0;
}

/* Refuses the last source if one before it has its name or its place. */
static int
source_check_unique(const struct source_config *sources,
                    const struct source_config *last, const struct tree_node *map,
                    struct failure *why)
{
    static const struct {
        const char *place, *harm;
    } words[] = {
        [SOURCE_LIBVIRT] = {"URI", "so each guest would be asked twice"},
        [SOURCE_SOCKET] = {"path", "and an agent serves one client"},
        [SOURCE_PROXMOX] = {"folder of pid files",
                            "so each guest would be asked twice"},
    };
    const struct tree_node *name = tree_child(map, "name");
    const char *place = source_config_place(last);
    char quoted[TREE_QUOTE_BYTES];

    for (const struct source_config *other = sources; other < last; other++) {
        if (strcmp(other->name, last->name) == 0)
            return tree_fail(
                why, name ? name : map,
                "\"%s\" is also the name of sources[%td]; give each source "
                "a unique name",
                tree_quote(last->name, quoted), other - sources);
        if (other->kind == last->kind && strcmp(source_config_place(other), place) == 0)
            return tree_fail(
                why, map,
                "has the same %s \"%s\" as sources[%td], %s; remove one of the two",
                words[last->kind].place, tree_quote(place, quoted), other - sources,
                words[last->kind].harm);
    }
    return 0;
}

static int
source_read(const struct tree_node *map, struct source_config **sources, size_t *count,
            struct failure *why)
{
    const char *names[SECTION_KEYS_MAX + 1] = {NULL};

    (void)section_names(config_source_keys, names);
    if (tree_check_keys(map, names, why) < 0)
        return -1;
    struct source_config *source = source_add(sources, count);

    if (source_kind_read(map, source, why) < 0 ||
        source_name_read(map, source, why) < 0)
        return -1;
    return source_check_unique(*sources, source, map, why);
}

int
config_sources_read(const struct tree_node *list, struct source_config **sources,
                    size_t *count, struct failure *why)
{
    if (tree_is_null(list)) {
        source_add(sources, count);
        return 0;
    }
    if (list->kind != TREE_LIST)
        return tree_fail(why, list,
                         "is not a list; write it like - libvirt: {uri: "
                         "\"" CONFIG_DEFAULT_LIBVIRT_URI "\"}");
    if (!list->first)
        return tree_fail(why, list,
                         "is empty; list a source, or remove the key "
                         "for " CONFIG_DEFAULT_LIBVIRT_URI);
    for (const struct tree_node *map = list->first; map; map = map->next) {
        if (map->index >= CONFIG_SOURCES_MAX)
            return tree_fail(why, map,
                             "is one too many; %d sources are the most, so start a "
                             "second exporter for the rest",
                             CONFIG_SOURCES_MAX);
        if (source_read(map, sources, count, why) < 0)
            return -1;
    }
    return 0;
}
