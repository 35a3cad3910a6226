/* The collector cpustats over several calls: counters of a guest that go back. */
#include "collector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct collector cpustats_collector;

static int
setup(void **state)
{
    *state = calloc(1, cpustats_collector.memory_bytes);
    return !*state;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

/* What is published for a mode when the agent says so many ms of everything. */
static double
published(void *memory, int cpu, const char *mode, int ms)
{
    static const struct samples_limits limits = {.series_max = 20,
                                                 .label_bytes_max = 10};
    struct exchange when = {.memory = memory};
    struct samples *samples = samples_new(&limits);
    struct failure why;
    json_t *reply = json_pack("[{sssisisisisisi}]", "type", "linux", "cpu", cpu, "user",
                              ms, "nice", ms, "system", ms, "idle", ms, "iowait", ms);

    assert_non_null(reply);
    assert_int_equal(cpustats_collector.parse(reply, &when, samples, &why), 0);

    double value = -1;
    for (size_t i = 0; i < samples_count(samples); i++)
        if (strcmp(samples_at(samples, i).label_values[1], mode) == 0)
            value = samples_at(samples, i).value;
    json_decref(reply);
    samples_free(samples);
    return value;
}

static void
idle_stands_while_it_goes_back_a_little(void **state)
{
    assert_float_equal(published(*state, 0, "idle", 10000), 10, 1e-9);
    assert_float_equal(published(*state, 0, "idle", 9990), 10, 1e-9);
    assert_float_equal(published(*state, 0, "iowait", 7000), 10, 1e-9);
    assert_float_equal(published(*state, 0, "idle", 10020), 10.02, 1e-9);
}

/* The vCPU was taken offline and back, and counts from 0. */
static void
a_counter_that_began_anew_is_published(void **state)
{
    assert_float_equal(published(*state, 3, "idle", 10000), 10, 1e-9);
    assert_float_equal(published(*state, 3, "idle", 6999), 6.999, 1e-9);
    assert_float_equal(published(*state, 3, "idle", 7010), 7.01, 1e-9);
}

static void
each_cpu_is_kept_for_itself(void **state)
{
    assert_float_equal(published(*state, 0, "idle", 10000), 10, 1e-9);
    assert_float_equal(published(*state, 1, "idle", 9000), 9, 1e-9);
    assert_float_equal(published(*state, 127, "idle", 8000), 8, 1e-9);
    assert_float_equal(published(*state, 0, "idle", 9999), 10, 1e-9);
}

/* Only idle and iowait do in practice; a guest that lies gets what it says. */
static void
other_modes_are_published_as_they_come(void **state)
{
    assert_float_equal(published(*state, 0, "user", 10000), 10, 1e-9);
    assert_float_equal(published(*state, 0, "user", 9990), 9.99, 1e-9);
}

static void
a_cpu_number_out_of_range_does_no_harm(void **state)
{
    static const int cpus[] = {-1, 128, INT32_MAX, INT32_MIN};

    for (size_t i = 0; i < sizeof(cpus) / sizeof(*cpus); i++) {
        assert_float_equal(published(*state, cpus[i], "idle", 10000), 10, 1e-9);
        assert_float_equal(published(*state, cpus[i], "idle", 9990), 9.99, 1e-9);
    }
}

#define CPUSTATS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CPUSTATS_TEST(idle_stands_while_it_goes_back_a_little),
        CPUSTATS_TEST(a_counter_that_began_anew_is_published),
        CPUSTATS_TEST(each_cpu_is_kept_for_itself),
        CPUSTATS_TEST(other_modes_are_published_as_they_come),
        CPUSTATS_TEST(a_cpu_number_out_of_range_does_no_harm),
    };

    return cmocka_run_group_tests_name("cpustats", tests, NULL, NULL);
}
