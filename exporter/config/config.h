/* YAML and flags to one immutable struct config, fully checked.  A mistake is one
 * sentence with file:line and the remedy. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/log.h"
#include "collector.h"
#include "config/avoid.h"
#include "config/collectors.h"
#include "config/metadata.h"
#include "config/sources.h"
#include "kit/failure.h"
#include "yaml/section.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_LISTEN_ADDRESSES_MAX 16

#define CONFIG_DEFAULT_LISTEN_ADDRESS ":10177"
#define CONFIG_DEFAULT_TELEMETRY_PATH "/metrics"
#define CONFIG_DEFAULT_LOG_LEVEL "info"
#define CONFIG_DEFAULT_LOG_FORMAT "logfmt"

struct health_config {
    unsigned int failures_before_backoff;
    int64_t backoff_ns, backoff_max_ns;
    int64_t starting_ns; /* grace after a domain's start */
};

struct limits_config {
    size_t reply_bytes;
    size_t series_per_guest;
    size_t label_bytes;
    unsigned int new_series_per_hour; /* of one guest; 0: without a bound */
    unsigned int calls_per_minute; /* to one guest; 0: twice what the intervals ask */
};

struct web_listen_config {
    char **listen_addresses; /* NULL-terminated */
    char *telemetry_path;
};

struct log_config {
    enum log_level level;
    enum log_format format;
};

struct config {
    char *path; /* of the file; NULL: all defaults */
    struct source_config *sources;
    size_t sources_count;
    struct collector_config collectors[COLLECTORS_MAX]; /* by index in collectors[] */
    struct health_config health;
    struct limits_config limits;
    struct avoid_config avoid;
    struct metadata_config metadata;
    enum metric_profile profile;
    bool paused; /* no guest is asked anything */
    struct web_listen_config web;
    struct log_config log;
};

extern const struct section_key config_keys[]; /* of the file; of a struct config */

/* What the command line says; it wins over the file, also after a reload.  Borrowed
 * strings of argv, of which the addresses have been checked. */
struct config_overrides {
    const char *libvirt_uri;
    const char *listen_addresses[CONFIG_LISTEN_ADDRESSES_MAX + 1];
    const char *telemetry_path;
    int8_t collector_enabled[COLLECTORS_MAX]; /* -1: not said, 0, 1 */
    const char *log_level, *log_format;
};

/* `path` NULL: the defaults.  NULL with one sentence. */
struct config *config_load(const char *path, const struct config_overrides *overrides,
                           struct failure *why);
void config_free(struct config *config); /* NULL is fine */

#endif
