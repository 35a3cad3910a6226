/* The section `collectors`: its keys come from the registry. */
#include "config/collectors.h"

#include "config/fields.h"
#include "kit/filter.h"

#include <stdio.h>

#define DEFAULT_TIMEOUT_NS (3 * NS_PER_S)
#define DEFAULT_MAX_AGE_INTERVALS 3
#define INTERVAL_NS_MIN NS_PER_S
#define INTERVAL_NS_MAX (24 * NS_PER_HOUR)
#define TIMEOUT_NS_MIN NS_PER_S
#define TIMEOUT_NS_MAX (4 * NS_PER_S) /* see struct collector_config */
#define MAX_AGE_NS_MAX (7 * INTERVAL_NS_MAX)

#define FILTER_KEY_BYTES 64
#define COLLECTOR_KEYS_MAX (4 + 2 * COLLECTOR_FILTERS_MAX)

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
pattern_read(const struct tree_node *node, const char **pattern,
             struct tree_problem *problem)
{
    char error[TREE_STRING_BYTES_MAX];
    if (node == NULL)
        return 0;
    if (value_read_string(node, pattern, problem) < 0)
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
    char text[VALUE_BYTES], interval[VALUE_BYTES];
    if (settings->timeout_ns % NS_PER_S != 0)
        return tree_fail(
            problem, tree_child(map, "timeout"),
            "%s is not a whole number of seconds, in which libvirt counts; "
            "write 1s, 2s, 3s or 4s",
            value_duration_format(settings->timeout_ns, text));
    if (settings->max_age_ns == 0)
        settings->max_age_ns = DEFAULT_MAX_AGE_INTERVALS * settings->interval_ns;
    if (settings->max_age_ns < settings->interval_ns)
        return tree_fail(problem, tree_child(map, "max_age"),
                         "%s is shorter than the interval of %s, so the values would "
                         "come and go; write %s or more",
                         value_duration_format(settings->max_age_ns, text),
                         value_duration_format(settings->interval_ns, interval),
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
        config_fields_read(collector_fields, map, settings, problem) < 0 ||
        collector_check_times(map, settings, problem) < 0)
        return -1;
    const struct filter_spec *specs = collector->filters;
    for (size_t i = 0; specs != NULL && specs[i].key != NULL; i++)
        if (i < COLLECTOR_FILTERS_MAX &&
            filter_read(&specs[i], map, &settings->filters[i], problem) < 0)
            return -1;
    return 0;
}

int
config_collectors_read(const struct tree_node *map,
                       struct collector_config settings[COLLECTORS_MAX],
                       struct tree_problem *problem)
{
    const char *names[COLLECTORS_MAX + 1] = {NULL};
    for (size_t i = 0; i < collectors_count; i++)
        names[i] = collectors[i]->name;
    if (tree_check_keys(map, names, problem) < 0)
        return -1;
    for (size_t i = 0; i < collectors_count; i++)
        if (collector_read(collectors[i], tree_child(map, names[i]), &settings[i],
                           problem) < 0)
            return -1;
    return 0;
}
