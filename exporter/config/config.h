/* YAML and flags to one immutable struct config, fully checked.  A problem is one
 * sentence with file:line and the remedy. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "agent/harm.h"
#include "base/log.h"
#include "collector.h"
#include "config/domain_label.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_ERROR_BYTES 512
#define CONFIG_SOURCES_MAX 64
#define CONFIG_LISTEN_ADDRESSES_MAX 16

#define CONFIG_DEFAULT_LIBVIRT_URI "qemu:///system"
#define CONFIG_DEFAULT_LISTEN_ADDRESS ":10177"
#define CONFIG_DEFAULT_TELEMETRY_PATH "/metrics"
#define CONFIG_DEFAULT_LOG_LEVEL "info"
#define CONFIG_DEFAULT_LOG_FORMAT "logfmt"

enum source_kind { SOURCE_LIBVIRT, SOURCE_SOCKET };

struct source_config {
    char *name; /* "" when there is only one source and it has no name */
    enum source_kind kind;
    struct {
        char *uri;
        unsigned int lanes; /* calls in flight at once */
    } libvirt;
    struct {
        char *path;       /* glob(7) with {a,b} */
        char *guest_name; /* see config/guest_name.h */
    } socket;
};

/* A copy of its own; and whether two say the same. */
void source_config_copy(struct source_config *copy, const struct source_config *source);
void source_config_clear(struct source_config *source);
bool source_config_is_same(const struct source_config *a,
                           const struct source_config *b);

/* By index in collectors[]. */
struct collector_config {
    bool enabled;
    int64_t interval_ns;
    int64_t
        timeout_ns; /* whole seconds, 1 to 4: the libvirt call counts in seconds, and
                       above 4 a stuck agent can make a backup's thaw be skipped */
    int64_t max_age_ns;                            /* 3 intervals unless configured */
    struct filter *filters[COLLECTOR_FILTERS_MAX]; /* in the order of
                       collector->filters; NULL: no pattern */
};

struct config {
    struct source_config *sources;
    size_t sources_count;
    struct collector_config collectors[COLLECTORS_MAX];
    struct {
        unsigned int failures_before_backoff;
        int64_t backoff_ns, backoff_max_ns;
        int64_t starting_ns; /* grace after a domain's start */
    } health;
    struct {
        size_t reply_bytes;
        size_t series_per_guest;
        size_t label_bytes;
        unsigned int
            calls_per_minute; /* to one guest; 0: twice what the intervals ask */
    } limits;
    struct {
        bool known_harm;         /* honour the list that is shipped (agent/harm.h) */
        struct harm_rule *rules; /* of the user; strings owned */
        size_t rules_count;
    } avoid;
    struct {
        struct domain_label *labels; /* of qga_domain_info; strings owned */
        size_t count;                /* at most DOMAIN_LABELS_MAX */
    } metadata;
    bool paused; /* no guest is asked anything */
    struct {
        char **listen_addresses; /* NULL-terminated */
        char *telemetry_path;
    } web;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

/* What the command line says; it wins over the file, also after a reload.  Borrowed
 * strings of argv. */
struct config_overrides {
    const char *libvirt_uri;
    const char *listen_addresses[CONFIG_LISTEN_ADDRESSES_MAX + 1];
    const char *telemetry_path;
    int8_t collector_enabled[COLLECTORS_MAX]; /* -1: not said, 0, 1 */
    const char *log_level, *log_format;
};

/* `path` NULL: the defaults.  NULL with one sentence in `error`. */
struct config *config_load(const char *path, const struct config_overrides *overrides,
                           char *error, size_t error_bytes);
void config_free(struct config *config); /* NULL is fine */

#endif
