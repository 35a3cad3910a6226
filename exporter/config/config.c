/* The schema of the config file: which sections and keys there are, their defaults,
 * ranges and what must fit together.  The order is: defaults, file, command line. */
#include "config/config.h"

#include "base/clock.h"
#include "config/check.h"
#include "kit/failure.h"
#include "kit/filter.h"
#include "kit/memory.h"
#include "yaml/load.h"
#include "yaml/section.h"
#include "yaml/value.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_PER_GUEST_MIN 10
#define SERIES_PER_GUEST_MAX 100000
#define CALLS_PER_MINUTE_MAX 6000
#define NEW_SERIES_PER_HOUR_MAX 1000000
#define LABEL_BYTES_MIN 16
#define LABEL_BYTES_MAX 4096
#define REPLY_BYTES_MIN INT64_C(4096)
#define REPLY_BYTES_MAX (4 * INT64_C(1048576)) /* libvirt itself carries no more */

static int
health_check(const struct tree_node *map, void *value, struct failure *why)
{
    const struct health_config *health = value;
    char text[VALUE_BYTES];

    if (health->backoff_max_ns >= health->backoff_ns)
        return 0;
    return tree_fail(why, map,
                     "backoff_max is shorter than backoff; write a backoff_max of %s "
                     "or more, or a shorter backoff",
                     value_duration_format(health->backoff_ns, text));
}

static const struct section_key health_keys[] = {
    {"failures_before_backoff", SECTION_UNSIGNED,
     offsetof(struct health_config, failures_before_backoff), 1, 100,
     .help = "failures in a row, then only probes"},
    {"backoff", SECTION_DURATION, offsetof(struct health_config, backoff_ns), NS_PER_S,
     24 * NS_PER_HOUR, .help = "the first wait between probes; it doubles"},
    {"backoff_max", SECTION_DURATION, offsetof(struct health_config, backoff_max_ns),
     NS_PER_S, 24 * NS_PER_HOUR, .help = "the longest"},
    {"starting", SECTION_DURATION, offsetof(struct health_config, starting_ns), 0,
     NS_PER_HOUR, .help = "grace after power-on"},
    {.key = NULL},
};

static const struct section_key limits_keys[] = {
    {"reply_bytes", SECTION_BYTES, offsetof(struct limits_config, reply_bytes),
     REPLY_BYTES_MIN, REPLY_BYTES_MAX, .help = "larger replies are refused"},
    {"series_per_guest", SECTION_COUNT,
     offsetof(struct limits_config, series_per_guest), SERIES_PER_GUEST_MIN,
     SERIES_PER_GUEST_MAX,
     .help = "further series are dropped and counted; where a guest's collectors want "
             "more, each has the same share, and what one does not need the others "
             "get"},
    {"new_series_per_hour", SECTION_UNSIGNED,
     offsetof(struct limits_config, new_series_per_hour), 0, NEW_SERIES_PER_HOUR_MAX,
     .help =
         "of a guest; further ones are dropped and counted until the hour has room; "
         "0 is without a bound"},
    {"label_bytes", SECTION_BYTES, offsetof(struct limits_config, label_bytes),
     LABEL_BYTES_MIN, LABEL_BYTES_MAX, .help = "longer label values are cut"},
    {"calls_per_minute", SECTION_UNSIGNED,
     offsetof(struct limits_config, calls_per_minute), 0, CALLS_PER_MINUTE_MAX,
     .help = "calls to one guest, whatever happens in it; 0 is twice what the "
             "intervals ask for"},
    {.key = NULL},
};

static void
listen_addresses_free(char **addresses)
{
    for (size_t i = 0; addresses && addresses[i]; i++)
        free(addresses[i]);
    free(addresses);
}

static void
listen_addresses_set(char ***target, const char *const *addresses)
{
    size_t count = 0;

    while (addresses[count])
        count++;
    listen_addresses_free(*target);
    *target = memory_new(count + 1, sizeof(**target));
    for (size_t i = 0; i < count; i++)
        (*target)[i] = memory_string(addresses[i]);
}

static int
listen_addresses_read(const struct tree_node *list, void *target, struct failure *why)
{
    const char *addresses[CONFIG_LISTEN_ADDRESSES_MAX + 1] = {
        CONFIG_DEFAULT_LISTEN_ADDRESS};
    size_t count = 0;

    if (list && (list->kind != TREE_LIST || !list->first))
        return tree_fail(why, list,
                         "is not a list of addresses; write it like "
                         "[\"" CONFIG_DEFAULT_LISTEN_ADDRESS "\"]");
    for (const struct tree_node *node = list ? list->first : NULL; node;
         node = node->next) {
        if (count == CONFIG_LISTEN_ADDRESSES_MAX)
            return tree_fail(why, node, "is one too many; %d addresses are the most",
                             CONFIG_LISTEN_ADDRESSES_MAX);
        if (section_text(node, config_check_listen_address, &addresses[count], why) < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (strcmp(addresses[i], addresses[count]) == 0)
                return tree_fail(why, node, "\"%s\" stands here twice; remove one",
                                 addresses[i]);
        count++;
    }
    listen_addresses_set(target, addresses);
    return 0;
}

static const struct section_key web_keys[] = {
    {"listen_addresses", .offset = offsetof(struct web_listen_config, listen_addresses),
     .read = listen_addresses_read, .standard = "`" CONFIG_DEFAULT_LISTEN_ADDRESS "`",
     .range = "up to 16",
     .help =
         "`:PORT` is all addresses, IPv4 and IPv6; no names but localhost, which is "
         "`127.0.0.1` and `::1`; `unix:/PATH` is a UNIX socket"},
    {"telemetry_path", SECTION_TEXT, offsetof(struct web_listen_config, telemetry_path),
     .check = config_check_telemetry_path, .range = "", .help = "of the metrics"},
    {.key = NULL},
};

static const struct section_key log_keys[] = {
    {"level", SECTION_CHOICE, offsetof(struct log_config, level),
     .check = config_check_log_level, .choices = config_log_levels,
     .range = "debug, info, warn, error", .help = "the least that is logged"},
    {"format", SECTION_CHOICE, offsetof(struct log_config, format),
     .check = config_check_log_format, .choices = config_log_formats,
     .range = "logfmt, json", .help = "to standard error"},
    {.key = NULL},
};

static int
sources_read(const struct tree_node *list, void *value, struct failure *why)
{
    struct config *config = value;

    return config_sources_read(list, &config->sources, &config->sources_count, why);
}

static int
collectors_read(const struct tree_node *map, void *value, struct failure *why)
{
    struct config *config = value;

    return config_collectors_read(map, config->profile, config->collectors, why);
}

const struct section_key config_keys[] = {
    {"sources", .read = sources_read, .each = "[]", .items = config_source_keys},
    /* Before the collectors, whose defaults follow it. */
    {"profile", SECTION_CHOICE, offsetof(struct config, profile),
     .check = config_check_profile, .choices = config_profiles,
     .range = "minimal, default, full",
     .help = "[how many series](fleet.md#profiles) a guest has"},
    {"collectors", .read = collectors_read, .each = ".NAME",
     .items = config_collector_keys},
    {"health", .offset = offsetof(struct config, health), .keys = health_keys,
     .read = health_check},
    {"limits", .offset = offsetof(struct config, limits), .keys = limits_keys},
    {"avoid", .offset = offsetof(struct config, avoid), .keys = config_avoid_keys},
    {"metadata_labels", .offset = offsetof(struct config, metadata),
     .read = config_metadata_read, .standard = "none", .range = "up to 6",
     .help = "labels of `qga_domain_info` from "
             "[the domain's metadata](joins.md#labels-of-your-own)"},
    {"paused", SECTION_BOOL, offsetof(struct config, paused), .range = "",
     .help = "ask no guest anything; SIGUSR1 changes it while the exporter runs"},
    {"web", .offset = offsetof(struct config, web), .keys = web_keys},
    {"log", .offset = offsetof(struct config, log), .keys = log_keys},
    {.key = NULL},
};

static struct config *
config_new(void)
{
    struct config *config = memory_new(1, sizeof(*config));

    config->health = (struct health_config){
        .failures_before_backoff = 2,
        .backoff_ns = 60 * NS_PER_S,
        .backoff_max_ns = 900 * NS_PER_S,
        .starting_ns = 180 * NS_PER_S,
    };
    config->limits = (struct limits_config){
        .reply_bytes = 1048576,
        .series_per_guest = 2000,
        .new_series_per_hour = 10000,
        .label_bytes = 256,
    };
    config->profile = PROFILE_DEFAULT;
    config->avoid.known_harm = true;
    config->web.telemetry_path = memory_string(CONFIG_DEFAULT_TELEMETRY_PATH);
    config->log = (struct log_config){.level = LOG_INFO, .format = LOG_LOGFMT};
    return config;
}

/* --- the command line --- */

/* A flag's value as if it stood in the file, so that it is read and refused alike. */
static int
override_read(const char *flag, const char *value, const struct section_key *keys,
              const char *key, void *section, struct failure *why)
{
    const struct tree_node flags = {.kind = TREE_MAP};
    const struct tree_node node = {
        .kind = TREE_SCALAR,
        .key = (char *)(uintptr_t)flag, /* who reads writes neither */
        .text = (char *)(uintptr_t)value,
        .quoted = true,
        .parent = &flags,
    };

    return value ? section_value(keys, key, &node, section, why) : 0;
}

static int
override_uri(const char *uri, const char *path, struct config *config,
             struct failure *why)
{
    if (!uri)
        return 0;
    if (config->sources_count == 1 && config->sources[0].kind == SOURCE_LIBVIRT)
        return override_read("--libvirt.uri", uri, config_libvirt_keys, "uri",
                             &config->sources[0], why);
    failure_set(why, FAILURE_MALFORMED,
                "--libvirt.uri: %s has %zu sources%s, so it is not clear whose URI is "
                "meant; set the URIs there and leave out the flag",
                path, config->sources_count,
                config->sources_count == 1 ? ", and that one is no libvirt" : "");
    return -1;
}

static int
overrides_apply(const struct config_overrides *overrides, const char *path,
                struct config *config, struct failure *why)
{
    if (!overrides)
        return 0;
    for (size_t i = 0; i < collectors_count; i++)
        if (overrides->collector_enabled[i] >= 0)
            config_collector_switch(&config->collectors[i],
                                    overrides->collector_enabled[i] == 1);
    if (overrides->listen_addresses[0])
        listen_addresses_set(&config->web.listen_addresses,
                             overrides->listen_addresses);
    if (override_uri(overrides->libvirt_uri, path, config, why) < 0 ||
        override_read("--web.telemetry-path", overrides->telemetry_path, web_keys,
                      "telemetry_path", &config->web, why) < 0 ||
        override_read("--log.level", overrides->log_level, log_keys, "level",
                      &config->log, why) < 0)
        return -1;
    return override_read("--log.format", overrides->log_format, log_keys, "format",
                         &config->log, why);
}

struct config *
config_load(const char *path, const struct config_overrides *overrides,
            struct failure *why)
{
    const struct tree_file file = {.path = path, .flag = "--config.file"};
    struct tree_node *root = NULL;

    if (path && tree_load(&file, &root, why) < 0)
        return NULL;
    struct config *config = config_new();

    config->path = path ? memory_string(path) : NULL;
    if (section_read(config_keys, root, config, why) < 0 ||
        overrides_apply(overrides, path, config, why) < 0) {
        config_free(config);
        config = NULL;
    }
    tree_free(root);
    return config;
}

void
config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->sources_count; i++)
        source_config_clear(&config->sources[i]);
    config_avoid_clear(&config->avoid);
    config_metadata_clear(&config->metadata);
    free(config->sources);
    for (size_t i = 0; i < COLLECTORS_MAX; i++)
        for (size_t j = 0; j < COLLECTOR_FILTERS_MAX; j++)
            filter_free(config->collectors[i].filters[j]);
    listen_addresses_free(config->web.listen_addresses);
    free(config->web.telemetry_path);
    free(config->path);
    free(config);
}
