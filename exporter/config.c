/* The schema of the config file: which keys there are, their defaults, ranges and what
 * must fit together.  The order is: defaults, file, command line. */
#include "config.h"

#include "config_check.h"
#include "filter.h"
#include "memory.h"
#include "yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_HOUR (3600 * NS_PER_S)

#define DEFAULT_LANES 4
#define LANES_MAX 16 /* each is a thread and a connection; libvirtd serves 20 at once  \
                      */

#define DEFAULT_TIMEOUT_NS (3 * NS_PER_S)
#define DEFAULT_MAX_AGE_INTERVALS 3
#define INTERVAL_NS_MIN NS_PER_S
#define INTERVAL_NS_MAX (24 * NS_PER_HOUR)
#define TIMEOUT_NS_MIN NS_PER_S
#define TIMEOUT_NS_MAX (4 * NS_PER_S) /* see struct collector_config */
#define MAX_AGE_NS_MAX (7 * INTERVAL_NS_MAX)

#define SERIES_PER_GUEST_MIN 10
#define SERIES_PER_GUEST_MAX 100000
#define LABEL_BYTES_MIN 16
#define LABEL_BYTES_MAX 4096
#define REPLY_BYTES_MIN (4 * 1024)
#define REPLY_BYTES_MAX (4 * 1024 * 1024) /* libvirt itself carries no more */

#define FILTER_KEY_BYTES 64
#define COLLECTOR_KEYS_MAX (4 + 2 * COLLECTOR_FILTERS_MAX)

/* A key whose value is one number in a struct. */
struct field {
    const char *key;
    enum { FIELD_BOOL, FIELD_UNSIGNED, FIELD_COUNT, FIELD_BYTES, FIELD_DURATION } type;
    size_t offset; /* of bool, unsigned int, size_t, size_t, int64_t nanoseconds */
    int64_t min, max;
};

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
    {.key = NULL},
};

static const struct field collector_fields[] = {
    {"enabled", FIELD_BOOL, offsetof(struct collector_config, enabled), 0, 0},
    {"interval", FIELD_DURATION, offsetof(struct collector_config, interval_ns),
     INTERVAL_NS_MIN, INTERVAL_NS_MAX},
    {"timeout", FIELD_DURATION, offsetof(struct collector_config, timeout_ns),
     TIMEOUT_NS_MIN, TIMEOUT_NS_MAX},
    {"max_age", FIELD_DURATION, offsetof(struct collector_config, max_age_ns),
     INTERVAL_NS_MIN, MAX_AGE_NS_MAX},
    {.key = NULL},
};

static int
field_read(const struct field *field, const struct tree_node *node, void *base,
           struct tree_problem *problem)
{
    void *target = (char *)base + field->offset;
    int64_t number = 0;
    switch (field->type) {
    case FIELD_BOOL:
        return tree_read_bool(node, target, problem);
    case FIELD_DURATION:
        return tree_read_duration(node, field->min, field->max, target, problem);
    case FIELD_UNSIGNED:
        if (tree_read_integer(node, field->min, field->max, &number, problem) < 0)
            return -1;
        *(unsigned int *)target = (unsigned int)number;
        return 0;
    case FIELD_COUNT:
        if (tree_read_integer(node, field->min, field->max, &number, problem) < 0)
            return -1;
        *(size_t *)target = (size_t)number;
        return 0;
    case FIELD_BYTES:
        if (tree_read_bytes(node, field->min, field->max, &number, problem) < 0)
            return -1;
        *(size_t *)target = (size_t)number;
        return 0;
    }
    return 0;
}

/* Reads those of the fields that the map has; the rest keeps its default. */
static int
fields_read(const struct field *fields, const struct tree_node *map, void *base,
            struct tree_problem *problem)
{
    for (; fields->key != NULL; fields++) {
        const struct tree_node *node = tree_child(map, fields->key);
        if (node != NULL && field_read(fields, node, base, problem) < 0)
            return -1;
    }
    return 0;
}

static void
string_set(char **target, const char *value)
{
    free(*target);
    *target = memory_string(value);
}

/* A string that passes `check`. */
static int
checked_read(const struct tree_node *node, const char *(*check)(const char *),
             const char **out, struct tree_problem *problem)
{
    char quoted[TREE_QUOTE_BYTES];
    if (tree_read_string(node, out, problem) < 0)
        return -1;
    const char *wrong = check(*out);
    if (wrong == NULL)
        return 0;
    return tree_fail(problem, node, "\"%s\" %s", tree_quote(*out, quoted), wrong);
}

/* Sources. */

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
    if (node != NULL && checked_read(node, config_check_uri, &uri, problem) < 0)
        return -1;
    source->kind = SOURCE_LIBVIRT;
    string_set(&source->libvirt.uri, uri);
    return fields_read(fields, map, source, problem);
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
    if (checked_read(node, config_check_source_name, &name, problem) < 0)
        return -1;
    string_set(&source->name, name);
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

static int
sources_read(const struct tree_node *list, struct config *config,
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

/* Collectors. */

static int
pattern_read(const struct tree_node *node, const char **pattern,
             struct tree_problem *problem)
{
    char error[TREE_STRING_BYTES_MAX];
    if (node == NULL)
        return 0;
    if (tree_read_string(node, pattern, problem) < 0)
        return -1;
    struct filter *trial = filter_new(*pattern, NULL, error, sizeof(error));
    if (trial == NULL)
        return tree_fail(problem, node, "%s; correct it (the syntax is that of PCRE2)",
                         error);
    filter_free(trial);
    return 0;
}

static int
filter_read(const struct filter_spec *spec, const struct tree_node *map,
            struct filter **out, struct tree_problem *problem)
{
    char key[FILTER_KEY_BYTES], error[TREE_STRING_BYTES_MAX] = "";
    const char *include = "", *exclude = spec->default_exclude;
    snprintf(key, sizeof(key), "%s_include", spec->key);
    if (pattern_read(tree_child(map, key), &include, problem) < 0)
        return -1;
    snprintf(key, sizeof(key), "%s_exclude", spec->key);
    if (pattern_read(tree_child(map, key), &exclude, problem) < 0)
        return -1;
    if (include[0] == '\0' && (exclude == NULL || exclude[0] == '\0'))
        return 0;
    *out = filter_new(include, exclude, error, sizeof(error));
    if (*out == NULL) { /* only our own default can be it */
        snprintf(problem->text, problem->text_bytes, "default of %s: %s; report a bug",
                 key, error);
        return -1;
    }
    return 0;
}

/* The keys of one collector: those of all, and two for each of its filters. */
static int
collector_check_keys(const struct collector *collector, const struct tree_node *map,
                     struct tree_problem *problem)
{
    const char *keys[COLLECTOR_KEYS_MAX + 1];
    char names[2 * COLLECTOR_FILTERS_MAX][FILTER_KEY_BYTES];
    size_t count = 0, filters = 0;
    for (const struct field *field = collector_fields; field->key != NULL; field++)
        keys[count++] = field->key;
    for (const struct filter_spec *spec = collector->filters;
         spec != NULL && spec->key != NULL && filters < COLLECTOR_FILTERS_MAX; spec++) {
        char *include = names[2 * filters], *exclude = names[2 * filters + 1];
        snprintf(include, FILTER_KEY_BYTES, "%s_include", spec->key);
        snprintf(exclude, FILTER_KEY_BYTES, "%s_exclude", spec->key);
        keys[count++] = include;
        keys[count++] = exclude;
        filters++;
    }
    keys[count] = NULL;
    return tree_check_keys(map, keys, problem);
}

/* The two times that must fit others. */
static int
collector_check_times(const struct tree_node *map, struct collector_config *settings,
                      struct tree_problem *problem)
{
    char text[TREE_VALUE_BYTES], interval[TREE_VALUE_BYTES];
    if (settings->timeout_ns % NS_PER_S != 0)
        return tree_fail(
            problem, tree_child(map, "timeout"),
            "%s is not a whole number of seconds, in which libvirt counts; "
            "write 1s, 2s, 3s or 4s",
            tree_duration_format(settings->timeout_ns, text));
    if (settings->max_age_ns == 0)
        settings->max_age_ns = DEFAULT_MAX_AGE_INTERVALS * settings->interval_ns;
    if (settings->max_age_ns < settings->interval_ns)
        return tree_fail(problem, tree_child(map, "max_age"),
                         "%s is shorter than the interval of %s, so the values would "
                         "come and go; write %s or more",
                         tree_duration_format(settings->max_age_ns, text),
                         tree_duration_format(settings->interval_ns, interval),
                         interval);
    return 0;
}

static int
collector_read(const struct collector *collector, const struct tree_node *map,
               struct collector_config *settings, struct tree_problem *problem)
{
    settings->enabled = !collector->default_disabled;
    settings->interval_ns = collector->default_interval_s * NS_PER_S;
    settings->timeout_ns = DEFAULT_TIMEOUT_NS;
    if (collector_check_keys(collector, map, problem) < 0 ||
        fields_read(collector_fields, map, settings, problem) < 0 ||
        collector_check_times(map, settings, problem) < 0)
        return -1;
    const struct filter_spec *specs = collector->filters;
    for (size_t i = 0; specs != NULL && specs[i].key != NULL; i++)
        if (i < COLLECTOR_FILTERS_MAX &&
            filter_read(&specs[i], map, &settings->filters[i], problem) < 0)
            return -1;
    return 0;
}

static int
collectors_read(const struct tree_node *map, struct config *config,
                struct tree_problem *problem)
{
    const char *names[COLLECTORS_MAX + 1] = {NULL};
    for (size_t i = 0; i < collectors_count; i++)
        names[i] = collectors[i]->name;
    if (tree_check_keys(map, names, problem) < 0)
        return -1;
    for (size_t i = 0; i < collectors_count; i++)
        if (collector_read(collectors[i], tree_child(map, names[i]),
                           &config->collectors[i], problem) < 0)
            return -1;
    return 0;
}

/* The other sections. */

static int
section_read(const struct tree_node *map, const struct field *fields,
             struct config *config, struct tree_problem *problem)
{
    const char *keys[8] = {NULL};
    for (size_t i = 0; fields[i].key != NULL; i++)
        keys[i] = fields[i].key;
    if (tree_check_keys(map, keys, problem) < 0)
        return -1;
    return fields_read(fields, map, config, problem);
}

static int
health_read(const struct tree_node *map, struct config *config,
            struct tree_problem *problem)
{
    char text[TREE_VALUE_BYTES];
    config->health.failures_before_backoff = 2;
    config->health.backoff_ns = 60 * NS_PER_S;
    config->health.backoff_max_ns = 15 * 60 * NS_PER_S;
    config->health.starting_ns = 3 * 60 * NS_PER_S;
    if (section_read(map, health_fields, config, problem) < 0)
        return -1;
    if (config->health.backoff_max_ns >= config->health.backoff_ns)
        return 0;
    return tree_fail(
        problem, map,
        "backoff_max is shorter than backoff; write a backoff_max of %s or "
        "more, or a shorter backoff",
        tree_duration_format(config->health.backoff_ns, text));
}

static int
limits_read(const struct tree_node *map, struct config *config,
            struct tree_problem *problem)
{
    config->limits.reply_bytes = 1024 * 1024;
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
        if (checked_read(node, config_check_listen_address, &addresses[count],
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
        checked_read(node, config_check_telemetry_path, &path, problem) < 0)
        return -1;
    string_set(&config->web.telemetry_path, path);
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
    if (level_node != NULL && tree_read_string(level_node, &level, problem) < 0)
        return -1;
    if (format_node != NULL && tree_read_string(format_node, &format, problem) < 0)
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

static const struct {
    const char *key;
    int (*read)(const struct tree_node *node, struct config *config,
                struct tree_problem *problem);
} sections[] = {
    {"sources", sources_read}, {"collectors", collectors_read},
    {"health", health_read},   {"limits", limits_read},
    {"web", web_read},         {"log", log_read},
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
                 "--libvirt.uri: %s has %zu sources, so it is not clear whose URI is "
                 "meant; set the URIs there and leave out the flag",
                 problem->file, config->sources_count);
        return -1;
    }
    if (override_check("--libvirt.uri", uri, config_check_uri(uri), problem) < 0)
        return -1;
    string_set(&config->sources[0].libvirt.uri, uri);
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
    string_set(&config->web.telemetry_path, path);
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
    for (size_t i = 0; i < config->sources_count; i++) {
        free(config->sources[i].name);
        free(config->sources[i].libvirt.uri);
    }
    free(config->sources);
    for (size_t i = 0; i < COLLECTORS_MAX; i++)
        for (size_t j = 0; j < COLLECTOR_FILTERS_MAX; j++)
            filter_free(config->collectors[i].filters[j]);
    listen_addresses_free(config);
    free(config->web.telemetry_path);
    free(config);
}
