/* The section `sources`: where guests come from. */
#ifndef CONFIG_SOURCES_H
#define CONFIG_SOURCES_H

#include "yaml/section.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SOURCES_MAX 64
#define CONFIG_DEFAULT_LIBVIRT_URI "qemu:///system"

enum source_kind { SOURCE_LIBVIRT, SOURCE_SOCKET, SOURCE_PROXMOX };

/* How an agent's socket is used. */
enum socket_use {
    SOCKET_AUTO,   /* by who listens */
    SOCKET_SHARED, /* connected for a visit only: others need it too */
    SOCKET_KEPT,   /* connected all the time */
};

/* The guests' memory, as their balloons tell the host. */
struct balloon_config {
    bool enabled;
    int64_t interval_ns, max_age_ns;
};

struct source_config {
    char *name; /* "" when there is only one source and it has no name */
    enum source_kind kind;
    struct {
        char *uri;
        unsigned int lanes;          /* calls in flight at once */
        bool ask_without_definition; /* guests whose definition may not be read */
        struct balloon_config balloon;
        bool leaves_xml; /* unread, to another process; no key of the file has it */
    } libvirt;
    struct {
        char *path;       /* glob(7) with {a,b} */
        char *guest_name; /* see config/guest_name.h */
        enum socket_use use;
    } socket;
    struct {
        char *sockets, *pid_files, *configurations; /* folders */
        bool names;                  /* guests go by their names, not their numbers */
        bool ask_without_definition; /* guests whose configuration may not be read */
    } proxmox;
};

/* A copy of its own; and whether two say the same. */
void source_config_copy(struct source_config *copy, const struct source_config *source);
void source_config_clear(struct source_config *source);
bool source_config_is_same(const struct source_config *a,
                           const struct source_config *b);
/* Where its guests are looked for: a URI or a path. */
const char *source_config_place(const struct source_config *source);

extern const struct section_key config_source_keys[]; /* of one of them */
extern const struct section_key config_libvirt_keys[];

/* The list grows as it is read, also in vain.  `list` null: the default. */
int config_sources_read(const struct tree_node *list, struct source_config **sources,
                        size_t *count, struct failure *why);

#endif
