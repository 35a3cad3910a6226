/* The exporter's own metrics: what is there from the start, what is counted where. */
#include "store/telemetry.h"
#include "store/telemetry_inside.h"
#include "store/telemetry_text.h"

#include "unit/own_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const commands[] = {"guest-get-time", "guest-info", NULL};
static const char *const states[] = {"responsive", "frozen", NULL};

#define MS INT64_C(1000000)
#define TIME "qga_exporter_call_duration_seconds"

static int
set_up(void **state)
{
    *state = telemetry_new(commands, states);
    return 0;
}

static int
tear_down(void **state)
{
    telemetry_free(*state);
    return 0;
}

/* Whether a whole line stands in what is rendered. */
static bool
renders(struct telemetry *telemetry, const char *line)
{
    char *text = own_text(telemetry, EXPOSITION_TEXT);
    char *wanted = NULL;

    assert_true(asprintf(&wanted, "\n%s\n", line) > 0);
    bool found = strstr(text, wanted);
    free(wanted);
    free(text);
    return found;
}

static double
value_of(struct telemetry *telemetry, const char *series)
{
    char *text = own_text(telemetry, EXPOSITION_TEXT);
    char *wanted = NULL;

    assert_true(asprintf(&wanted, "\n%s ", series) > 0);
    const char *line = strstr(text, wanted);
    if (!line)
        fail_msg("no series %s", series);
    double value = !line ? 0 : strtod(line + strlen(wanted), NULL);
    free(wanted);
    free(text);
    return value;
}

static void
known_counters_start_at_zero(void **state)
{
    static const char *const lines[] = {
        "qga_exporter_calls_total{command=\"guest-get-time\",outcome=\"ok\"} 0",
        "qga_exporter_calls_total{command=\"guest-info\",outcome=\"ok\"} 0",
        TIME "_bucket{command=\"guest-info\",le=\"0.001\"} 0",
        TIME "_bucket{command=\"guest-info\",le=\"+Inf\"} 0",
        "qga_exporter_call_duration_seconds_sum{command=\"guest-info\"} 0",
        "qga_exporter_schedule_lateness_seconds_bucket{le=\"40.0\"} 0",
        "qga_exporter_schedule_lateness_seconds_count 0",
        "qga_exporter_guests{state=\"responsive\"} 0",
        "qga_exporter_guests{state=\"frozen\"} 0",
        "qga_exporter_guest_name_conflicts_total 0",
        "qga_exporter_scrapes_total{code=\"200\"} 0",
        "qga_exporter_scrapes_total{code=\"405\"} 0",
        "qga_exporter_scrapes_total{code=\"413\"} 0",
        "qga_exporter_config_last_reload_successful 1",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!renders(*state, lines[i]))
            fail_msg("missing: %s", lines[i]);
    char *text = own_text(*state, EXPOSITION_TEXT);
    assert_null(strstr(text, "outcome=\"timeout\""));
    assert_null(strstr(text, "code=\"other\""));
    assert_null(strstr(text, "qga_exporter_lanes"));
    free(text);
}

static void
calls_are_counted_by_outcome_and_time(void **state)
{
    telemetry_call(*state, 0, FAILURE_NONE, 1 * MS);
    telemetry_call(*state, 0, FAILURE_NONE, 1 * MS + 1);
    telemetry_call(*state, 0, FAILURE_TIMEOUT, 41000 * MS);
    telemetry_call(*state, 1, FAILURE_TOO_LARGE, -5);
    assert_true(renders(
        *state,
        "qga_exporter_calls_total{command=\"guest-get-time\",outcome=\"ok\"} 2"));
    assert_true(renders(
        *state,
        "qga_exporter_calls_total{command=\"guest-get-time\",outcome=\"timeout\"} 1"));
    assert_true(renders(
        *state,
        "qga_exporter_calls_total{command=\"guest-info\",outcome=\"too_large\"} 1"));
    assert_true(
        renders(*state, TIME "_bucket{command=\"guest-get-time\",le=\"0.001\"} 1"));
    assert_true(
        renders(*state, TIME "_bucket{command=\"guest-get-time\",le=\"0.0025\"} 2"));
    assert_true(
        renders(*state, TIME "_bucket{command=\"guest-get-time\",le=\"40.0\"} 2"));
    assert_true(
        renders(*state, TIME "_bucket{command=\"guest-get-time\",le=\"+Inf\"} 3"));
    assert_true(renders(*state, TIME "_count{command=\"guest-get-time\"} 3"));
    assert_true(renders(*state, TIME "_sum{command=\"guest-get-time\"} 41.002000001"));
    assert_true(renders(*state, TIME "_sum{command=\"guest-info\"} 0"));
}

static void
the_rest_is_counted(void **state)
{
    telemetry_lateness(*state, 30 * MS);
    telemetry_guests(*state, 1, 12);
    telemetry_name_conflict(*state);
    telemetry_scrape(*state, 200, 1000);
    telemetry_scrape(*state, 200, 500);
    telemetry_scrape(*state, 405, 10);
    telemetry_scrape(*state, 599, 0);
    telemetry_turned(*state, INT64_C(1700000001) * 1000 * MS + 999999);
    telemetry_reload(*state, true, INT64_C(1700000000) * 1000 * MS);
    telemetry_reload(*state, false, INT64_C(1800000000) * 1000 * MS);
    assert_true(renders(
        *state, "qga_exporter_schedule_lateness_seconds_bucket{le=\"0.05\"} 1"));
    assert_true(renders(
        *state, "qga_exporter_schedule_lateness_seconds_bucket{le=\"0.025\"} 0"));
    assert_true(renders(*state, "qga_exporter_schedule_lateness_seconds_sum 0.03"));
    assert_true(renders(*state, "qga_exporter_guests{state=\"frozen\"} 12"));
    assert_true(renders(*state, "qga_exporter_guest_name_conflicts_total 1"));
    assert_true(renders(*state, "qga_exporter_scrapes_total{code=\"200\"} 2"));
    assert_true(renders(*state, "qga_exporter_scrapes_total{code=\"405\"} 1"));
    assert_true(renders(*state, "qga_exporter_scrapes_total{code=\"other\"} 1"));
    assert_true(renders(*state, "qga_exporter_scrape_body_bytes_total 1510"));
    assert_true(renders(*state, "qga_exporter_config_last_reload_successful 0"));
    assert_true(renders(*state,
                        "qga_exporter_config_last_reload_success_timestamp_seconds "
                        "1700000000"));
    assert_true(
        renders(*state, "qga_exporter_loop_last_turn_timestamp_seconds 1700000001"));
}

static void
sources_come_and_go(void **state)
{
    size_t one = telemetry_source_add(*state, "");
    size_t two = telemetry_source_add(*state, "pve \"two\"");

    telemetry_source_up(*state, two, true);
    telemetry_lanes(*state, one, 4, 3, 2);
    assert_true(renders(*state, "qga_exporter_source_up{source=\"\"} 0"));
    assert_true(
        renders(*state, "qga_exporter_source_up{source=\"pve \\\"two\\\"\"} 1"));
    assert_true(renders(*state, "qga_exporter_lanes{source=\"\"} 4"));
    assert_true(renders(*state, "qga_exporter_lanes_in_use{source=\"\"} 3"));
    assert_true(renders(*state, "qga_exporter_lanes_abandoned_total{source=\"\"} 2"));
    assert_false(renders(*state, "qga_exporter_sockets_beyond_limit{source=\"\"} 0"));
    telemetry_sockets_beyond(*state, one, 7);
    assert_true(renders(*state, "qga_exporter_sockets_beyond_limit{source=\"\"} 7"));
    assert_false(renders(*state, "qga_exporter_lanes{source=\"pve \\\"two\\\"\"} 0"));
    telemetry_source_remove(*state, one);
    assert_false(renders(*state, "qga_exporter_source_up{source=\"\"} 0"));
    assert_int_equal(telemetry_source_add(*state, "three"), one);
    assert_true(renders(*state, "qga_exporter_source_up{source=\"three\"} 0"));
    assert_false(renders(*state, "qga_exporter_lanes{source=\"three\"} 4"));
}

static void
one_source_too_many_is_ignored(void **state)
{
    char name[16];

    for (int i = 0; i < TELEMETRY_SOURCES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        assert_int_equal(telemetry_source_add(*state, name), i);
    }
    size_t row = telemetry_source_add(*state, "beyond");
    telemetry_source_up(*state, row, true);
    telemetry_lanes(*state, row, 1, 1, 1);
    telemetry_source_remove(*state, row);
    char *text = own_text(*state, EXPOSITION_TEXT);
    assert_null(strstr(text, "beyond"));
    free(text);
}

static double
now_s(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
the_start_is_when_it_was(void **state)
{
    (void)state;
    double before = now_s();
    struct telemetry *telemetry = telemetry_new(commands, states);
    double after = now_s();
    double start = value_of(telemetry, "process_start_time_seconds");
    assert_true(start > before - 0.002 && start <= after); /* it is cut to 0.001 */
    telemetry_free(telemetry);
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(known_counters_start_at_zero),
        CASE(calls_are_counted_by_outcome_and_time),
        CASE(the_rest_is_counted),
        CASE(sources_come_and_go),
        CASE(one_source_too_many_is_ignored),
        CASE(the_start_is_when_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
