/* The collector procfs over several passes: what is read in turn is kept until it is
 * old, and what it knows of filesystems and interfaces is shown by their collectors. */
#include "collector.h"
#include "kit/filter.h"
#include "kit/proc_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/proc_files.h"

#define S INT64_C(1000000000)
#define MAX_AGE (180 * S)

extern const struct collector procfs_collector, filesystem_collector, network_collector,
    load_collector;

static const struct samples_limits limits = {.series_max = 100, .label_bytes_max = 100};

static int
setup(void **state)
{
    *state = calloc(1, procfs_collector.memory_bytes);
    return !*state;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

static void
pass(void *memory)
{
    struct request request;
    char reply[PROC_REPLY_BYTES];
    json_t *answer = NULL;
    enum step step = STEP_FIRST;

    while (procfs_collector.next(step, answer, memory, &request) == NEXT_REQUEST) {
        json_decref(answer);
        proc_answer(request.command, request.arguments, reply);
        json_t *whole = json_loads(reply, 0, NULL);

        answer = json_incref(json_object_get(whole, "return"));
        step = answer ? STEP_ANSWERED : STEP_REFUSED;
        json_decref(whole);
    }
    json_decref(answer);
}

/* -1: there is no such series. */
static double
value_of(const struct samples *samples, const char *name)
{
    for (size_t i = 0; i < samples_count(samples); i++)
        if (strcmp(samples_at(samples, i).metric->name, name) == 0)
            return samples_at(samples, i).value;
    return -1;
}

/* What is told of `name` when the pass has ended. */
static double
told(void *memory, const char *name, int64_t now_ns)
{
    struct exchange when = {
        .memory = memory, .received_ns = now_ns, .max_age_ns = MAX_AGE};
    struct samples *samples = samples_new(&limits);
    struct failure why;

    assert_int_equal(procfs_collector.parse(NULL, &when, samples, &why), 0);
    double value = value_of(samples, name);
    samples_free(samples);
    return value;
}

static double
load_told(const void *memory)
{
    struct samples *samples = samples_new(&limits);

    procfs_collector.substitute(memory, samples);
    double value = value_of(samples, "qga_load15");
    samples_free(samples);
    return value;
}

static void
each_pass_tells_what_matters_at_once(void **state)
{
    pass(*state);
    assert_true(told(*state, "qga_boot_time_seconds", S) == 1795000000);
    assert_true(told(*state, "qga_procs_running", S) == 2);
    assert_true(told(*state, "qga_procs_blocked", S) == 1);
    assert_true(told(*state, "qga_vmstat_oom_kill_total", S) == 3);
    assert_true(told(*state, "qga_vmstat_pgmajfault_total", S) == 77);
    assert_true(load_told(*state) == 0.125);
}

static void
what_is_read_in_turn_is_kept_until_it_is_old(void **state)
{
    pass(*state);
    assert_true(told(*state, "qga_filefd_allocated", S) == -1); /* it comes later */
    pass(*state);
    assert_true(told(*state, "qga_filefd_allocated", 61 * S) == 608);
    pass(*state); /* another file's turn */
    assert_true(told(*state, "qga_filefd_allocated", 121 * S) == 608);
    assert_true(told(*state, "qga_filefd_allocated", 61 * S + MAX_AGE) == 608);
    assert_true(told(*state, "qga_filefd_allocated", 62 * S + MAX_AGE) == -1);
    assert_true(told(*state, "qga_boot_time_seconds", 62 * S + MAX_AGE) == 1795000000);
}

static void
a_file_that_has_gone_is_forgotten(void **state)
{
    const char *load = proc_file("/proc/loadavg")->text;
    const char *stat = proc_file("/proc/stat")->text;

    pass(*state);
    assert_true(load_told(*state) == 0.125);
    proc_file("/proc/loadavg")->text = NULL;
    proc_file("/proc/stat")->text = NULL;
    pass(*state);
    assert_true(told(*state, "qga_boot_time_seconds", 2 * S) == -1);
    pass(*state); /* its turn */
    assert_true(load_told(*state) == -1);
    proc_file("/proc/loadavg")->text = load;
    proc_file("/proc/stat")->text = stat;
}

/* As it is where a file is longer than what is read of it. */
static void
half_a_line_is_none(void **state)
{
    const char *stat = proc_file("/proc/stat")->text;

    proc_file("/proc/stat")->text = "procs_running 2\nbtime 1795";
    pass(*state);
    assert_true(told(*state, "qga_procs_running", S) == 2);
    assert_true(told(*state, "qga_boot_time_seconds", S) == -1);
    proc_file("/proc/stat")->text = "btime 1795";
    pass(*state);
    assert_true(told(*state, "qga_boot_time_seconds", S) == -1);
    proc_file("/proc/stat")->text = stat;
}

/* A line of 66,000 bytes, and an agent that sends more than it was asked for: what is
 * in front of it counts, and what is behind is not there. */
static void
long_lines_cost_what_is_behind_them(void **state)
{
    static char text[70000] = "btime 1795\nintr ";
    const char *stat = proc_file("/proc/stat")->text;
    size_t used = strlen(text);

    memset(text + used, '0', 66000);
    (void)stpcpy(text + used + 66000, "\nprocs_running 2\n");
    proc_file("/proc/stat")->text = text;
    pass(*state);
    assert_true(told(*state, "qga_boot_time_seconds", S) == 1795);
    assert_true(told(*state, "qga_procs_running", S) == -1);
    proc_file("/proc/stat")->text = stat;
}

static void
numbers_of_no_sense_are_none(void **state)
{
    static const char *const words[] = {"-1", "+1", "inf", "nan", "", ".5", "lots"};
    const char *stat = proc_file("/proc/stat")->text;
    char text[64];

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        (void)snprintf(text, sizeof(text), "btime %s\n", words[i]);
        proc_file("/proc/stat")->text = text;
        pass(*state);
        assert_true(told(*state, "qga_boot_time_seconds", S) == -1);
    }
    /* The list of samples takes what is finite alone. */
    proc_file("/proc/stat")->text = "btime 1e999\n";
    pass(*state);
    assert_true(told(*state, "qga_boot_time_seconds", S) == -1);
    proc_file("/proc/stat")->text = stat;
}

static struct samples *
parsed(const struct collector *collector, const char *reply,
       const struct proc_facts *proc)
{
    static const struct filter *filters[COLLECTOR_FILTERS_MAX];
    struct exchange when = {.filters = filters, .proc = proc};
    struct samples *samples = samples_new(&limits);
    struct failure why;
    json_t *json = json_loads(reply, 0, NULL);

    assert_non_null(json);
    assert_int_equal(collector->parse(json, &when, samples, &why), 0);
    json_decref(json);
    return samples;
}

#define FILESYSTEMS                                                                    \
    "[{\"name\":\"vda1\",\"mountpoint\":\"/\",\"type\":\"ext4\",\"disk\":[]},"         \
    "{\"name\":\"vdb\",\"mountpoint\":\"/srv\",\"type\":\"xfs\",\"disk\":[]}]"

static void
filesystems_that_are_read_only_are_those_of_the_agent(void **state)
{
    struct samples *samples = parsed(&filesystem_collector, FILESYSTEMS, NULL);

    assert_int_equal(samples_count(samples), 0);
    samples_free(samples);
    pass(*state);
    samples =
        parsed(&filesystem_collector, FILESYSTEMS, procfs_collector.proc_facts(*state));
    assert_int_equal(samples_count(samples), 1); /* /srv is not in the file */
    assert_true(value_of(samples, "qga_filesystem_readonly") == 1);
    assert_string_equal(samples_at(samples, 0).label_values[0], "vda1");
    assert_string_equal(samples_at(samples, 0).label_values[2], "/");
    samples_free(samples);
}

/* br0 has no address, so no statistics; eth0's are the agent's. */
#define INTERFACES                                                                     \
    "[{\"name\":\"br0\"},{\"name\":\"eth0\",\"statistics\":{\"rx-bytes\":5}}]"

static void
counters_of_interfaces_without_an_address_are_of_proc(void **state)
{
    pass(*state);
    pass(*state); /* its turn */

    struct samples *samples =
        parsed(&network_collector, INTERFACES, procfs_collector.proc_facts(*state));
    /* Two of their names, eight of br0, one of eth0. */
    assert_int_equal(samples_count(samples), 11);
    assert_int_equal(samples_dropped(samples), 0);
    assert_true(value_of(samples, "qga_network_receive_bytes_total") == 11);
    assert_true(value_of(samples, "qga_network_receive_drop_total") == 14);
    assert_true(value_of(samples, "qga_network_transmit_bytes_total") == 21);
    assert_true(value_of(samples, "qga_network_transmit_drop_total") == 24);
    samples_free(samples);
    samples = parsed(&network_collector, INTERFACES, NULL);
    assert_int_equal(samples_count(samples), 3);
    samples_free(samples);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_pass_tells_what_matters_at_once),
        TEST(what_is_read_in_turn_is_kept_until_it_is_old),
        TEST(a_file_that_has_gone_is_forgotten),
        TEST(half_a_line_is_none),
        TEST(long_lines_cost_what_is_behind_them),
        TEST(numbers_of_no_sense_are_none),
        TEST(filesystems_that_are_read_only_are_those_of_the_agent),
        TEST(counters_of_interfaces_without_an_address_are_of_proc),
    };

    return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
