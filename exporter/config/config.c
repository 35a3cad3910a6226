/* The schema of the config file: which sections and keys there are, their defaults,
 * ranges and what must fit together.  The order is: defaults, file, command line. */
#include "config/config.h"

#include "config/check.h"
#include "config/fields.h"
#include "kit/filter.h"
#include "kit/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_PER_GUEST_MIN 10
#define SERIES_PER_GUEST_MAX 100000
#define CALLS_PER_MINUTE_MAX 6000
#define LABEL_BYTES_MIN 16
#define LABEL_BYTES_MAX 4096
#define REPLY_BYTES_MIN INT64_C(4096)
#define REPLY_BYTES_MAX (4 * INT64_C(1048576)) /* libvirt itself carries no more */

static const struct field health_fields[] = {
    {"failures_before_backoff", FIELD_UNSIGNED,
     offsetof(struct config, health.failures_before_backoff), 1, 100},
    {"backoff", FIELD_DURATION, offsetof(struct config, health.backoff_ns), NS_PER_S,
     24 * NS_PER_HOUR},
    {"backoff_max", FIELD_DURATION, offsetof(struct config, health.backoff_max_ns),
     NS_PER_S, 24 * NS_PER_HOUR},
    {"starting", FIELD_DURATION, offsetof(struct config, health.starting_ns), 0,
     NS_PER_HOUR},
    {.key = NULL},
};

static const struct field limits_fields[] = {
    {"reply_bytes", FIELD_BYTES, offsetof(struct config, limits.reply_bytes),
     REPLY_BYTES_MIN, REPLY_BYTES_MAX},
    {"series_per_guest", FIELD_COUNT, offsetof(struct config, limits.series_per_guest),
     SERIES_PER_GUEST_MIN, SERIES_PER_GUEST_MAX},
    {"label_bytes", FIELD_BYTES, offsetof(struct config, limits.label_bytes),
     LABEL_BYTES_MIN, LABEL_BYTES_MAX},
    {"calls_per_minute", FIELD_UNSIGNED,
     offsetof(struct config, limits.calls_per_minute), 0, CALLS_PER_MINUTE_MAX},
    {.key = NULL},
};

static int
section_read(const struct tree_node *map, const struct field *fields,
             struct config *config, struct tree_problem *problem)
{
    const char *keys[8] = {NULL};
    for (size_t i = 0; fields[i].key != NULL; i++)
        keys[i] = fields[i].key;
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    return config_fields_read(fields, map, config, problem);
}

static int
health_read(const struct tree_node *map, struct config *config,
            struct tree_problem *problem)
{
    char text[VALUE_BYTES];
    config->health.failures_before_backoff = 2;
    config->health.backoff_ns = 60 * NS_PER_S;
    config->health.backoff_max_ns = 900 * NS_PER_S;
    config->health.starting_ns = 180 * NS_PER_S;
    if (section_read(map, health_fields, config, problem) < 0)
        return -1;
    if (config->health.backoff_max_ns >= config->health.backoff_ns)
        return 0;
    return tree_fail(
        problem, map,
        "backoff_max is shorter than backoff; write a backoff_max of %s or "
        "more, or a shorter backoff",
        value_duration_format(config->health.backoff_ns, text));
}

static int
limits_read(const struct tree_node *map, struct config *config,
            struct tree_problem *problem)
{
    config->limits.reply_bytes = 1048576;
    config->limits.series_per_guest = 2000;
    config->limits.label_bytes = 256;
    return section_read(map, limits_fields, config, problem);
}

static void
listen_addresses_free(struct config *config)
{
    for (char **address = config->web.listen_addresses;
         address != NULL && *address != NULL; address++)
        free(*address);
    free(config->web.listen_addresses);
    config->web.listen_addresses = NULL;
}

static void
listen_addresses_set(struct config *config, const char *const *addresses)
{
    size_t count = 0;
    while (addresses[count] != NULL)
        count++;
    listen_addresses_free(config);
    config->web.listen_addresses = memory_new(count + 1, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        config->web.listen_addresses[i] = memory_string(addresses[i]);
}

static int
listen_addresses_read(const struct tree_node *list, struct config *config,
                      struct tree_problem *problem)
{
    const char *addresses[CONFIG_LISTEN_ADDRESSES_MAX + 1] = {
        CONFIG_DEFAULT_LISTEN_ADDRESS};
    size_t count = 0;
    if (list != NULL && (list->kind != TREE_LIST || list->first == NULL))
        return tree_fail(problem, list,
                         "is not a list of addresses; write it like "
                         "[\"" CONFIG_DEFAULT_LISTEN_ADDRESS "\"]");
    for (const struct tree_node *node = list != NULL ? list->first : NULL; node != NULL;
         node = node->next) {
        if (count == CONFIG_LISTEN_ADDRESSES_MAX)
            return tree_fail(problem, node,
                             "is one too many; %d addresses are the most",
                             CONFIG_LISTEN_ADDRESSES_MAX);
        if (config_checked_read(node, config_check_listen_address, &addresses[count],
                                problem) < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (strcmp(addresses[i], addresses[count]) == 0)
                return tree_fail(problem, node, "\"%s\" stands here twice; remove one",
                                 addresses[i]);
        count++;
    }
    listen_addresses_set(config, addresses);
    return 0;
}

static int
web_read(const struct tree_node *map, struct config *config,
         struct tree_problem *problem)
{
    static const char *const keys[] = {"listen_addresses", "telemetry_path", NULL};
    const char *path = CONFIG_DEFAULT_TELEMETRY_PATH;
    if (tree_check_keys(map, keys, problem) < 0 ||
        listen_addresses_read(tree_child(map, "listen_addresses"), config, problem) < 0)
        return -1;
    const struct tree_node *node = tree_child(map, "telemetry_path");
    if (node != NULL &&
        config_checked_read(node, config_check_telemetry_path, &path, problem) < 0)
        return -1;
    config_string_set(&config->web.telemetry_path, path);
    return 0;
}

static int
log_read(const struct tree_node *map, struct config *config,
         struct tree_problem *problem)
{
    static const char *const keys[] = {"level", "format", NULL};
    char quoted[TREE_QUOTE_BYTES];
    const char *level = CONFIG_DEFAULT_LOG_LEVEL, *format = CONFIG_DEFAULT_LOG_FORMAT;
    const struct tree_node *level_node = tree_child(map, "level");
    const struct tree_node *format_node = tree_child(map, "format");
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    if (level_node != NULL && value_read_string(level_node, &level, problem) < 0)
        return -1;
    if (format_node != NULL && value_read_string(format_node, &format, problem) < 0)
        return -1;
    const char *wrong = config_check_log_level(level, &config->log.level);
    if (wrong != NULL)
        return tree_fail(problem, level_node, "\"%s\" %s", tree_quote(level, quoted),
                         wrong);
    wrong = config_check_log_format(format, &config->log.format);
    if (wrong != NULL)
        return tree_fail(problem, format_node, "\"%s\" %s", tree_quote(format, quoted),
                         wrong);
    return 0;
}

static int
sources_read(const struct tree_node *list, struct config *config,
             struct tree_problem *problem)
{
    return config_sources_read(list, &config->sources, &config->sources_count, problem);
}

static int
collectors_read(const struct tree_node *map, struct config *config,
                struct tree_problem *problem)
{
    return config_collectors_read(map, config->collectors, problem);
}

static int
avoid_read(const struct tree_node *map, struct config *config,
           struct tree_problem *problem)
{
    return config_avoid_read(map, &config->avoid, problem);
}

static int
metadata_read(const struct tree_node *map, struct config *config,
              struct tree_problem *problem)
{
    return config_metadata_read(map, &config->metadata, problem);
}

static int
paused_read(const struct tree_node *node, struct config *config,
            struct tree_problem *problem)
{
    return node == NULL ? 0 : value_read_bool(node, &config->paused, problem);
}

static const struct {
    const char *key;
    int (*read)(const struct tree_node *node, struct config *config,
                struct tree_problem *problem);
} sections[] = {
    {"sources", sources_read}, {"collectors", collectors_read},
    {"health", health_read},   {"limits", limits_read},
    {"avoid", avoid_read},     {"metadata_labels", metadata_read},
    {"paused", paused_read},   {"web", web_read},
    {"log", log_read},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static int
root_read(const struct tree_node *root, struct config *config,
          struct tree_problem *problem)
{
    const char *keys[SECTIONS + 1] = {NULL};
    for (size_t i = 0; i < SECTIONS; i++)
        keys[i] = sections[i].key;
    if (tree_check_keys(root, keys, problem) < 0)
        return -1;
    for (size_t i = 0; i < SECTIONS; i++)
        if (sections[i].read(tree_child(root, sections[i].key), config, problem) < 0)
            return -1;
    return 0;
}

/* The command line. */

/* `wrong` as the checks return it. */
static int
override_check(const char *flag, const char *value, const char *wrong,
               struct tree_problem *problem)
{
    char quoted[TREE_QUOTE_BYTES];
    if (wrong == NULL)
        return 0;
    snprintf(problem->text, problem->text_bytes, "%s: \"%s\" %s", flag,
             tree_quote(value, quoted), wrong);
    return -1;
}

static int
override_uri(const char *uri, struct config *config, struct tree_problem *problem)
{
    if (uri == NULL)
        return 0;
    if (config->sources_count != 1 || config->sources[0].kind != SOURCE_LIBVIRT) {
        snprintf(problem->text, problem->text_bytes,
                 "--libvirt.uri: %s has %zu sources%s, so it is not clear whose URI is "
                 "meant; set the URIs there and leave out the flag",
                 problem->file, config->sources_count,
                 config->sources_count == 1 ? ", and that one is no libvirt" : "");
        return -1;
    }
    if (override_check("--libvirt.uri", uri, config_check_uri(uri), problem) < 0)
        return -1;
    config_string_set(&config->sources[0].libvirt.uri, uri);
    return 0;
}

static int
override_web(const struct config_overrides *overrides, struct config *config,
             struct tree_problem *problem)
{
    const char *const *addresses = overrides->listen_addresses;
    for (size_t i = 0; addresses[i] != NULL; i++)
        if (override_check("--web.listen-address", addresses[i],
                           config_check_listen_address(addresses[i]), problem) < 0)
            return -1;
    if (addresses[0] != NULL)
        listen_addresses_set(config, addresses);
    const char *path = overrides->telemetry_path;
    if (path == NULL)
        return 0;
    if (override_check("--web.telemetry-path", path, config_check_telemetry_path(path),
                       problem) < 0)
        return -1;
    config_string_set(&config->web.telemetry_path, path);
    return 0;
}

static int
override_log(const struct config_overrides *overrides, struct config *config,
             struct tree_problem *problem)
{
    const char *level = overrides->log_level, *format = overrides->log_format;
    if (level != NULL &&
        override_check("--log.level", level,
                       config_check_log_level(level, &config->log.level), problem) < 0)
        return -1;
    if (format == NULL)
        return 0;
    return override_check("--log.format", format,
                          config_check_log_format(format, &config->log.format),
                          problem);
}

static int
overrides_apply(const struct config_overrides *overrides, struct config *config,
                struct tree_problem *problem)
{
    if (overrides == NULL)
        return 0;
    for (size_t i = 0; i < collectors_count; i++)
        if (overrides->collector_enabled[i] >= 0)
            config->collectors[i].enabled = overrides->collector_enabled[i] == 1;
    if (override_uri(overrides->libvirt_uri, config, problem) < 0 ||
        override_web(overrides, config, problem) < 0)
        return -1;
    return override_log(overrides, config, problem);
}

struct config *
config_load(const char *path, const struct config_overrides *overrides, char *error,
            size_t error_bytes)
{
    struct tree_problem problem = {
        .file = path != NULL ? path : "the config",
        .text = error,
        .text_bytes = error_bytes,
    };
    struct tree_node *root = NULL;
    error[0] = '\0';
    if (path != NULL && tree_load(path, &root, &problem) < 0)
        return NULL;
    struct config *config = memory_new(1, sizeof(*config));
    if (root_read(root, config, &problem) < 0 ||
        overrides_apply(overrides, config, &problem) < 0) {
        config_free(config);
        config = NULL;
    }
    tree_free(root);
    return config;
}

void
config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->sources_count; i++)
        source_config_clear(&config->sources[i]);
    config_avoid_clear(&config->avoid);
    config_metadata_clear(&config->metadata);
    free(config->sources);
    for (size_t i = 0; i < COLLECTORS_MAX; i++)
        for (size_t j = 0; j < COLLECTOR_FILTERS_MAX; j++)
            filter_free(config->collectors[i].filters[j]);
    listen_addresses_free(config);
    free(config->web.telemetry_path);
    free(config);
}
