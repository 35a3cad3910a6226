/* What holds for every collector's table, so that a new one cannot be forgotten. */
#include "base/file.h"
#include "collector.h"
#include "kit/filter.h"
#include "unit/collectors/since.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024)

/* A file that defines a collector which nobody calls is a mistake. */
static void
every_collector_in_the_folder_is_registered(void **state)
{
    (void)state;
    struct dirent **entries = NULL;
    int count = scandir("collectors", &entries, NULL, alphasort);
    assert_true(count > 0);
    size_t defined = 0;
    for (int i = 0; i < count; i++) {
        char path[512], name[64];
        size_t length = 0;

        (void)snprintf(path, sizeof(path), "collectors/%s", entries[i]->d_name);
        free(entries[i]);
        if (path[strlen(path) - 1] != 'c')
            continue;
        char *source = file_read(file_open(path), FILE_BYTES_MAX, &length);
        assert_non_null(source);
        const char *at = strstr(source, "\nconst struct collector ");
        if (at && sscanf(at, " const struct collector %63[a-z0-9_] = {", name) == 1) {
            char *suffix = strstr(name, "_collector");

            assert_non_null(suffix);
            *suffix = '\0';
            if (collector_find(name) < 0)
                fail_msg("%s: not in collectors/registry.c", path);
            defined++;
        }
        free(source);
    }
    free(entries);
    assert_int_equal(defined, collectors_count);
}

static void
metric_is_sound(const struct collector *collector, const struct metric *metric)
{
    const char *end = strstr(metric->name, "_total");
    bool is_counter = end && strcmp(end, "_total") == 0;

    if (strncmp(metric->name, "qga_", 4) != 0 ||
        is_counter != (metric->type == METRIC_COUNTER))
        fail_msg("%s: the name does not fit", metric->name);
    bool named = strstr(metric->help, collector->command);

    for (const struct query *query = collector->queries; query && query->command;
         query++)
        named |= !!strstr(metric->help, query->command);
    if (!named || !strstr(metric->help, "cached"))
        fail_msg("%s: HELP must name %s and say that it is cached", metric->name,
                 collector->command);
    char since[64];
    (void)snprintf(since, sizeof(since), "from QEMU %s on",
                   metric_since(collector, metric));
    (void)version_number(metric_since(collector, metric));
    if (strstr(metric->help, "from QEMU ") && !strstr(metric->help, since))
        fail_msg("%s: HELP does not say %s", metric->name, since);
    size_t labels = 0;
    while (labels < METRIC_LABELS_MAX && metric->labels[labels])
        labels++;
    assert_true(labels < METRIC_LABELS_MAX);
}

static void
default_filters_are_good(const struct collector *collector)
{
    struct failure why;

    for (size_t i = 0; collector->filters && collector->filters[i].key; i++) {
        assert_true(i < COLLECTOR_FILTERS_MAX);
        struct filter *filter =
            filter_new(NULL, collector->filters[i].default_exclude, &why);

        if (!filter)
            fail_msg("%s: %s", collector->name, why.text);
        filter_free(filter);
    }
}

static void
every_table_is_sound(void **state)
{
    (void)state;
    const char *names[256];
    size_t names_count = 0;
    assert_true(collectors_count <= COLLECTORS_MAX);
    for (size_t i = 0; i < collectors_count; i++) {
        const struct collector *collector = collectors[i];

        assert_int_equal(collector_find(collector->name), i);
        assert_true(strncmp(collector->command, "guest-", 6) == 0);
        assert_true(collector->default_interval_s > 0 && collector->help);
        assert_true(collector->since && collector->series);
        default_filters_are_good(collector);
        for (size_t j = 0; collector->metrics[j]; j++) {
            metric_is_sound(collector, collector->metrics[j]);
            for (size_t k = 0; k < names_count; k++)
                assert_string_not_equal(names[k], collector->metrics[j]->name);
            assert_true(names_count < 256);
            names[names_count++] = collector->metrics[j]->name;
        }
    }
    assert_int_equal(collector_find("nosuch"), -1);
}

/* The order of a visit is a promise: the clock first, then what tells how to read the
 * rest. */
static void
a_visit_asks_the_clock_first(void **state)
{
    (void)state;
    assert_string_equal(collectors[0]->command, "guest-get-time");
    assert_string_equal(collectors[1]->command, "guest-fsfreeze-status");
    assert_string_equal(collectors[2]->command, "guest-info");
    assert_ptr_equal(collector_probe, collectors[0]);
    assert_ptr_equal(collector_freeze, collectors[1]);
    assert_non_null(collectors[1]->is_frozen);
    assert_non_null(collectors[2]->command_status);
}

static enum command_status
status_in(const char *reply, const char *command)
{
    const struct collector *agent = collectors[collector_find("agent")];
    json_t *json = json_loads(reply, 0, NULL);

    assert_non_null(json);
    enum command_status status = agent->command_status(json, command);
    json_decref(json);
    return status;
}

static void
guest_info_tells_the_status_of_a_command(void **state)
{
    (void)state;
    const char *reply = "{\"version\":\"9\",\"supported_commands\":["
                        "{\"name\":\"guest-info\",\"enabled\":true},"
                        "{\"name\":\"guest-get-load\",\"enabled\":false},"
                        "{\"name\":\"guest-exec\",\"enabled\":\"no\"}]}";
    assert_int_equal(status_in(reply, "guest-info"), COMMAND_ENABLED);
    assert_int_equal(status_in(reply, "guest-get-load"), COMMAND_DISABLED);
    assert_int_equal(status_in(reply, "guest-get-vcpus"), COMMAND_MISSING);
    assert_int_equal(status_in(reply, "guest-exec"), COMMAND_UNKNOWN);
    assert_int_equal(status_in("{\"version\":\"9\"}", "guest-info"), COMMAND_UNKNOWN);
    assert_int_equal(status_in("[]", "guest-info"), COMMAND_UNKNOWN);
    assert_int_equal(status_in("{\"supported_commands\":[1]}", "guest-info"),
                     COMMAND_UNKNOWN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_collector_in_the_folder_is_registered),
        cmocka_unit_test(every_table_is_sound),
        cmocka_unit_test(a_visit_asks_the_clock_first),
        cmocka_unit_test(guest_info_tells_the_status_of_a_command),
    };

    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
