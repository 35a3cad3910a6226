/* The annotated config that is shipped: it changes nothing, and with every key taken
 * out of its comment it still says the defaults, all of them, as the registry has them.
 * Whatever of it is taken out, it is good.
 */
#include "base/file.h"
#include "config/config.h"
#include "yaml/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS_MAX 400
#define LINE_BYTES 256
#define MIXTURES 300
#define SOURCES 4 /* examples of them */

#define SHIPPED "config/qga-exporter.yml"

static char uncommented[] = "/tmp/test_config_file.XXXXXX";

/* Prose begins with "# " and a letter; a key stands right behind the #, or indented. */
static bool
is_key(const char *line)
{
    return line[0] == '#' && line[1] != '\n' && (line[1] != ' ' || line[2] == ' ');
}

/* Sources of other kinds, each in a line; the rest are the defaults. */
static bool
is_other_source(const char *line)
{
    return strncmp(line, "#  - {name: ", strlen("#  - {name: ")) == 0;
}

static int
uncomment_setup(void **state)
{
    (void)state;
    char line[LINE_BYTES];
    int fd = mkstemp(uncommented);
    FILE *in = fopen(SHIPPED, "r"), *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!in || !out)
        return -1;
    while (fgets(line, sizeof(line), in))
        fputs(is_key(line) && !is_other_source(line) ? line + 1 : line, out);
    fclose(in);
    return fclose(out);
}

static int
uncomment_teardown(void **state)
{
    (void)state;
    return unlink(uncommented);
}

static struct config *
load(const char *path)
{
    struct failure why;
    struct config *config = config_load(path, NULL, &why);

    if (!config)
        print_error("%s\n", why.text);
    assert_non_null(config);
    return config;
}

static void
check_health(const struct health_config *a, const struct health_config *b)
{
    assert_int_equal(a->failures_before_backoff, b->failures_before_backoff);
    assert_int_equal(a->backoff_ns, b->backoff_ns);
    assert_int_equal(a->backoff_max_ns, b->backoff_max_ns);
    assert_int_equal(a->starting_ns, b->starting_ns);
}

static void
check_limits(const struct limits_config *a, const struct limits_config *b)
{
    assert_int_equal(a->reply_bytes, b->reply_bytes);
    assert_int_equal(a->series_per_guest, b->series_per_guest);
    assert_int_equal(a->label_bytes, b->label_bytes);
    assert_int_equal(a->new_series_per_hour, b->new_series_per_hour);
    assert_int_equal(a->calls_per_minute, b->calls_per_minute);
}

static void
check_defaults(const struct config *config)
{
    struct config *wanted = load(NULL);

    assert_int_equal(config->sources_count, 1);
    assert_string_equal(config->sources[0].libvirt.uri, wanted->sources[0].libvirt.uri);
    assert_int_equal(config->sources[0].libvirt.lanes,
                     wanted->sources[0].libvirt.lanes);
    assert_int_equal(config->sources[0].libvirt.ask_without_definition,
                     wanted->sources[0].libvirt.ask_without_definition);
    assert_int_equal(config->sources[0].libvirt.balloon.enabled,
                     wanted->sources[0].libvirt.balloon.enabled);
    assert_int_equal(config->sources[0].libvirt.balloon.interval_ns,
                     wanted->sources[0].libvirt.balloon.interval_ns);
    assert_int_equal(config->sources[0].libvirt.balloon.max_age_ns,
                     wanted->sources[0].libvirt.balloon.max_age_ns);
    for (size_t i = 0; i < collectors_count; i++) {
        const struct collector_config *a = &config->collectors[i],
                                      *b = &wanted->collectors[i];

        assert_int_equal(a->enabled, b->enabled);
        assert_int_equal(a->interval_ns, b->interval_ns);
        assert_int_equal(a->timeout_ns, b->timeout_ns);
        assert_int_equal(a->max_age_ns, b->max_age_ns);
    }
    check_health(&config->health, &wanted->health);
    check_limits(&config->limits, &wanted->limits);
    assert_string_equal(config->web.listen_addresses[0],
                        wanted->web.listen_addresses[0]);
    assert_null(config->web.listen_addresses[1]);
    assert_string_equal(config->web.telemetry_path, wanted->web.telemetry_path);
    assert_int_equal(config->log.level, wanted->log.level);
    assert_int_equal(config->log.format, wanted->log.format);
    config_free(wanted);
}

static void
test_as_shipped(void **state)
{
    (void)state;
    struct config *config = load(SHIPPED);
    check_defaults(config);
    config_free(config);
}

static void
test_uncommented(void **state)
{
    (void)state;
    struct config *config = load(uncommented);
    check_defaults(config);
    config_free(config);
}

static void
check_pattern(const struct tree_node *map, const char *key, const char *suffix,
              const char *wanted)
{
    char name[64];

    snprintf(name, sizeof(name), "%s_%s", key, suffix);
    const struct tree_node *node = tree_child(map, name);
    if (!node)
        fail_msg("%s is missing in %s", name, SHIPPED);
    assert_string_equal(node->text, wanted ? wanted : "");
}

/* Whether every key of the table stands in the map; what of a source is not in the
 * first example stands in others. */
static void
check_keys(const struct section_key *keys, const struct tree_node *map)
{
    for (; keys->key; keys++) {
        const struct tree_node *node = tree_child(map, keys->key);

        if (!node)
            fail_msg("%s is missing in %s", keys->key, SHIPPED);
        if (keys->keys)
            check_keys(keys->keys, node);
    }
}

/* What of a source is not in the first one stands in other examples. */
static void
check_shown(const struct section_key *keys, const char *text)
{
    for (; keys->key; keys++) {
        char key[64];

        (void)snprintf(key, sizeof(key), "%s:", keys->key);
        if (!strstr(text, key))
            fail_msg("%s is missing in %s", keys->key, SHIPPED);
        if (keys->keys)
            check_shown(keys->keys, text);
    }
}

/* Every section and every key is there, and the patterns are those of the registry. */
static void
test_complete(void **state)
{
    (void)state;
    struct failure why;
    struct tree_node *root;
    const struct tree_file file = {.path = uncommented};
    assert_int_equal(tree_load(&file, &root, &why), 0);
    check_keys(config_keys, root);
    for (size_t i = 0; i < collectors_count; i++) {
        const struct tree_node *map =
            tree_child(tree_child(root, "collectors"), collectors[i]->name);

        if (!map)
            fail_msg("%s is missing in %s", collectors[i]->name, SHIPPED);
        check_keys(config_collector_keys, map);
        for (const struct filter_spec *spec = collectors[i]->filters; spec && spec->key;
             spec++) {
            check_pattern(map, spec->key, "include", "");
            check_pattern(map, spec->key, "exclude", spec->default_exclude);
        }
    }
    size_t length;
    char *text = file_read(file_open(SHIPPED), 1 << 20, &length);
    check_shown(config_source_keys, text);
    free(text);
    tree_free(root);
}

/* --- any mixture --- */

/* A key with what is part of it: the rest of a string, the items of a list. */
struct key {
    char *text;
    size_t indent;
    const struct key *section; /* the one that it belongs to, or NULL */
    bool is_wanted;
};

struct keys {
    struct key keys[KEYS_MAX];
    size_t count;
};

/* The last of them whose indentation is smaller. */
static const struct key *
section_of(const struct keys *all, size_t indent)
{
    for (size_t i = all->count; i > 0; i--) {
        if (all->keys[i - 1].indent < indent)
            return &all->keys[i - 1];
    }
    return NULL;
}

static void
append(struct key *key, const char *text)
{
    size_t length = strlen(key->text);

    key->text = realloc(key->text, length + strlen(text) + 1);
    assert_non_null(key->text);
    memcpy(key->text + length, text, strlen(text) + 1);
}

static void
read_keys(struct keys *all)
{
    char line[LINE_BYTES];
    bool goes_on = false;
    FILE *in = fopen(SHIPPED, "r");

    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        size_t indent = strspn(line + 1, " ");
        const char *word = line + 1 + indent;

        if (!is_key(line))
            continue;
        if (goes_on || strncmp(word, "- \"", 3) == 0) {
            append(&all->keys[all->count - 1], line + 1);
        } else {
            assert_true(all->count < KEYS_MAX);
            const struct key *section = section_of(all, indent);

            all->keys[all->count++] = (struct key){
                .text = strdup(line + 1), .indent = indent, .section = section};
        }
        goes_on = strstr(word, "\\\n") || strncmp(word, "- name:", 7) == 0;
    }
    (void)fclose(in);
}

static void
free_keys(struct keys *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->keys[i].text);
}

/* With the sections that it belongs to. */
static void
want(struct keys *all, const struct key *key)
{
    for (; key; key = key->section)
        all->keys[key - all->keys].is_wanted = true;
}

/* Returns how many sources there are. */
static size_t
check_wanted(const struct keys *all)
{
    static char path[] = "/tmp/test_config_file_part.XXXXXX";
    char name[sizeof(path)];
    struct failure why;

    memcpy(name, path, sizeof(path));
    int fd = mkstemp(name);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    assert_non_null(out);
    for (size_t i = 0; i < all->count; i++) {
        if (all->keys[i].is_wanted)
            (void)fputs(all->keys[i].text, out);
    }
    (void)fclose(out);
    struct config *config = config_load(name, NULL, &why);

    if (!config)
        fail_msg("%s", why.text);
    size_t sources_count = !config ? 0 : config->sources_count;

    config_free(config);
    assert_int_equal(unlink(name), 0);
    return sources_count;
}

static void
want_nothing(struct keys *all)
{
    for (size_t i = 0; i < all->count; i++)
        all->keys[i].is_wanted = false;
}

static void
test_each_key_alone(void **state)
{
    struct keys all = {.count = 0};

    (void)state;
    read_keys(&all);
    assert_true(all.count > 100);
    for (size_t i = 0; i < all.count; i++) {
        want_nothing(&all);
        want(&all, &all.keys[i]);
        assert_int_equal(check_wanted(&all), 1);
    }
    free_keys(&all);
}

static void
test_any_mixture(void **state)
{
    struct keys all = {.count = 0};
    uint32_t random = 1;

    (void)state;
    read_keys(&all);
    for (size_t i = 0; i < all.count; i++)
        want(&all, &all.keys[i]);
    assert_int_equal(check_wanted(&all), SOURCES);
    for (size_t mixture = 0; mixture < MIXTURES; mixture++) {
        want_nothing(&all);
        for (size_t i = 0; i < all.count; i++) {
            random = random * 1664525U + 1013904223U;
            /* Sparse and dense ones. */
            if (random >> 28 < mixture % 16)
                want(&all, &all.keys[i]);
        }
        (void)check_wanted(&all);
    }
    free_keys(&all);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_shipped),  cmocka_unit_test(test_uncommented),
        cmocka_unit_test(test_complete),    cmocka_unit_test(test_each_key_alone),
        cmocka_unit_test(test_any_mixture),
    };

    return cmocka_run_group_tests_name("config file", tests, uncomment_setup,
                                       uncomment_teardown);
}
