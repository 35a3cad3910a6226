/* The annotated config that is shipped: it changes nothing, and with every key taken
 * out of its comment it still says the defaults, all of them, as the registry has them.
 */
#include "config/config.h"
#include "yaml/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SHIPPED "config/qga-exporter.yml"

static char uncommented[] = "/tmp/test_config_file.XXXXXX";

/* Prose begins with "# " and a letter; a key stands right behind the #, or indented. */
static bool
is_key(const char *line)
{
    return line[0] == '#' && line[1] != '\n' && (line[1] != ' ' || line[2] == ' ');
}

static int
uncomment_setup(void **state)
{
    (void)state;
    char line[256];
    int fd = mkstemp(uncommented);
    FILE *in = fopen(SHIPPED, "r"), *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (in == NULL || out == NULL)
        return -1;
    while (fgets(line, sizeof(line), in) != NULL)
        fputs(is_key(line) ? line + 1 : line, out);
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
    char error[CONFIG_ERROR_BYTES];
    struct config *config = config_load(path, NULL, error, sizeof(error));
    if (config == NULL)
        print_error("%s\n", error);
    assert_non_null(config);
    return config;
}

static void
check_defaults(const struct config *config)
{
    struct config *wanted = load(NULL);
    assert_int_equal(config->sources_count, 1);
    assert_string_equal(config->sources[0].name, wanted->sources[0].name);
    assert_string_equal(config->sources[0].libvirt.uri, wanted->sources[0].libvirt.uri);
    assert_int_equal(config->sources[0].libvirt.lanes,
                     wanted->sources[0].libvirt.lanes);
    for (size_t i = 0; i < collectors_count; i++) {
        const struct collector_config *a = &config->collectors[i],
                                      *b = &wanted->collectors[i];
        assert_int_equal(a->enabled, b->enabled);
        assert_int_equal(a->interval_ns, b->interval_ns);
        assert_int_equal(a->timeout_ns, b->timeout_ns);
        assert_int_equal(a->max_age_ns, b->max_age_ns);
    }
    assert_memory_equal(&config->health, &wanted->health, sizeof(config->health));
    assert_memory_equal(&config->limits, &wanted->limits, sizeof(config->limits));
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
    if (node == NULL)
        fail_msg("%s is missing in %s", name, SHIPPED);
    assert_string_equal(node->text, wanted != NULL ? wanted : "");
}

/* Every section and every key is there, and the patterns are those of the registry. */
static void
test_complete(void **state)
{
    (void)state;
    static const struct {
        const char *section, *keys[5];
    } sections[] = {
        {"health", {"failures_before_backoff", "backoff", "backoff_max", "starting"}},
        {"limits", {"reply_bytes", "series_per_guest", "label_bytes"}},
        {"web", {"listen_addresses", "telemetry_path"}},
        {"log", {"level", "format"}},
    };
    char error[CONFIG_ERROR_BYTES];
    struct tree_problem problem = {
        .file = "x", .text = error, .text_bytes = sizeof(error)};
    struct tree_node *root;
    assert_int_equal(tree_load(uncommented, &root, &problem), 0);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        for (size_t j = 0; sections[i].keys[j] != NULL; j++)
            if (tree_child(tree_child(root, sections[i].section),
                           sections[i].keys[j]) == NULL)
                fail_msg("%s is missing in %s", sections[i].keys[j], SHIPPED);
    for (size_t i = 0; i < collectors_count; i++) {
        static const char *const keys[] = {"enabled", "interval", "timeout", "max_age"};
        const struct tree_node *map =
            tree_child(tree_child(root, "collectors"), collectors[i]->name);
        if (map == NULL)
            fail_msg("%s is missing in %s", collectors[i]->name, SHIPPED);
        for (size_t j = 0; j < 4; j++)
            assert_non_null(tree_child(map, keys[j]));
        for (const struct filter_spec *spec = collectors[i]->filters;
             spec != NULL && spec->key != NULL; spec++) {
            check_pattern(map, spec->key, "include", "");
            check_pattern(map, spec->key, "exclude", spec->default_exclude);
        }
    }
    assert_non_null(tree_child(root, "sources"));
    tree_free(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_shipped),
        cmocka_unit_test(test_uncommented),
        cmocka_unit_test(test_complete),
    };
    return cmocka_run_group_tests_name("config file", tests, uncomment_setup,
                                       uncomment_teardown);
}
