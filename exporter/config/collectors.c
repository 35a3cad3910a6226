/* The section `collectors`: its keys come from the registry. */
#include "config/collectors.h"

#include "base/clock.h"
#include "kit/failure.h"
#include "kit/filter.h"
#include "yaml/section.h"
#include "yaml/value.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_NS (3 * NS_PER_S)
#define DEFAULT_MAX_AGE_INTERVALS 3
#define INTERVAL_NS_MIN NS_PER_S
#define INTERVAL_NS_MAX (24 * NS_PER_HOUR)
#define MAX_AGE_NS_MAX (7 * INTERVAL_NS_MAX)

#define FILTER_KEY_BYTES 64

const struct section_key config_collector_keys[] = {
    {"enabled", SECTION_BOOL, offsetof(struct collector_config, enabled),
     .standard = "by collector", .range = "", .help = "whether guests are asked"},
    {"interval", SECTION_DURATION, offsetof(struct collector_config, interval_ns),
     INTERVAL_NS_MIN, INTERVAL_NS_MAX, .standard = "by collector",
     .help = "how often a guest is asked"},
    {"timeout", SECTION_DURATION, offsetof(struct collector_config, timeout_ns),
     COLLECTOR_TIMEOUT_MIN_NS, COLLECTOR_TIMEOUT_MAX_NS,
     .range = "1s to 4s, whole seconds", .help = "how long an answer may take"},
    {"max_age", SECTION_DURATION, offsetof(struct collector_config, max_age_ns),
     INTERVAL_NS_MIN, MAX_AGE_NS_MAX, .standard = "3 intervals",
     .range = "interval to 168h", .help = "an older value is withdrawn"},
    {.key = NULL},
};

static int
pattern_read(const struct tree_node *node, const char **pattern, struct failure *why)
{
    if (!node)
        return 0;
    if (value_read_string(node, pattern, why) < 0)
        return -1;
    struct filter *trial = filter_new(*pattern, NULL, why);

    if (!trial)
        return tree_fail(why, node, "%s; correct it (the syntax is that of PCRE2)",
                         why->text);
    filter_free(trial);
    return 0;
}

static int
filter_read(const struct filter_spec *spec, const struct tree_node *map,
            struct filter **out, struct failure *why)
{
    char key[FILTER_KEY_BYTES];
    const char *include = "", *exclude = spec->default_exclude;

    (void)snprintf(key, sizeof(key), "%s_include", spec->key);
    if (pattern_read(tree_child(map, key), &include, why) < 0)
        return -1;
    (void)snprintf(key, sizeof(key), "%s_exclude", spec->key);
    if (pattern_read(tree_child(map, key), &exclude, why) < 0)
        return -1;
    if (include[0] == '\0' && (!exclude || exclude[0] == '\0'))
        return 0;
    *out = filter_new(include, exclude, why);
    if (*out)
        return 0;
    /* Only our own default can be it. */
    char sentence[FAILURE_TEXT_BYTES];

    memcpy(sentence, why->text, sizeof(sentence));
    failure_set(why, why->kind, "default of %s: %s; report a bug", key, sentence);
    return -1;
}

/* The keys of one collector: those of all, and two for each of its filters. */
static int
collector_check_keys(const struct collector *collector, const struct tree_node *map,
                     struct failure *why)
{
    const char *names[SECTION_KEYS_MAX + 2 * COLLECTOR_FILTERS_MAX + 1] = {NULL};
    char keys[2 * COLLECTOR_FILTERS_MAX][FILTER_KEY_BYTES];
    size_t count = section_names(config_collector_keys, names), filters = 0;

    for (const struct filter_spec *spec = collector->filters;
         spec && spec->key && filters < COLLECTOR_FILTERS_MAX; spec++, filters++) {
        char *include = keys[2 * filters], *exclude = keys[2 * filters + 1];

        (void)snprintf(include, FILTER_KEY_BYTES, "%s_include", spec->key);
        (void)snprintf(exclude, FILTER_KEY_BYTES, "%s_exclude", spec->key);
        names[count++] = include;
        names[count++] = exclude;
    }
    return tree_check_keys(map, names, why);
}

/* The two times that must fit others. */
static int
collector_check_times(const struct tree_node *map, struct collector_config *settings,
                      struct failure *why)
{
    char text[VALUE_BYTES], interval[VALUE_BYTES];

    if (settings->timeout_ns % NS_PER_S != 0)
        return tree_fail(
            why, tree_child(map, "timeout"),
            "%s is not a whole number of seconds, in which libvirt counts; "
            "write 1s, 2s, 3s or 4s",
            value_duration_format(settings->timeout_ns, text));
    if (settings->max_age_ns == 0)
        settings->max_age_ns = DEFAULT_MAX_AGE_INTERVALS * settings->interval_ns;
    if (settings->max_age_ns < settings->interval_ns)
        return tree_fail(why, tree_child(map, "max_age"),
                         "%s is shorter than the interval of %s, so the values would "
                         "come and go; write %s or more",
                         value_duration_format(settings->max_age_ns, text),
                         value_duration_format(settings->interval_ns, interval),
                         interval);
    return 0;
}

static bool
has_essentials(const struct collector *collector)
{
    for (size_t i = 0; collector->metrics[i]; i++)
        if (collector->metrics[i]->essential)
            return true;
    return collector->addresses || collector->software || collector->is_frozen;
}

void
config_collector_switch(struct collector_config *settings, bool enabled)
{
    settings->enabled = enabled;
    if (enabled && settings->profile == PROFILE_MINIMAL)
        settings->profile = PROFILE_DEFAULT;
}

static int
collector_read(const struct collector *collector, const struct tree_node *map,
               enum metric_profile profile, struct collector_config *settings,
               struct failure *why)
{
    settings->profile = profile;
    settings->enabled = !collector->default_disabled &&
                        (profile != PROFILE_MINIMAL || has_essentials(collector));
    settings->interval_ns = collector->default_interval_s * NS_PER_S;
    settings->timeout_ns = DEFAULT_TIMEOUT_NS;
    if (collector_check_keys(collector, map, why) < 0 ||
        section_values(config_collector_keys, map, settings, why) < 0 ||
        collector_check_times(map, settings, why) < 0)
        return -1;
    if (tree_child(map, "enabled"))
        config_collector_switch(settings, settings->enabled);
    const struct filter_spec *specs = collector->filters;
    for (size_t i = 0; specs && specs[i].key; i++)
        if (i < COLLECTOR_FILTERS_MAX &&
            filter_read(&specs[i], map, &settings->filters[i], why) < 0)
            return -1;
    return 0;
}

int
config_collectors_read(const struct tree_node *map, enum metric_profile profile,
                       struct collector_config *settings, struct failure *why)
{
    const char *names[COLLECTORS_MAX + 1] = {NULL};

    for (size_t i = 0; i < collectors_count; i++)
        names[i] = collectors[i]->name;
    if (tree_check_keys(map, names, why) < 0)
        return -1;
    for (size_t i = 0; i < collectors_count; i++)
        if (collector_read(collectors[i], tree_child(map, names[i]), profile,
                           &settings[i], why) < 0)
            return -1;
    return 0;
}
