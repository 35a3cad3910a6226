/* The clock collector over time: which sample counts, steps of either clock, and times
 * that make no sense. */
#include "collector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct collector clock_collector;

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define START (INT64_C(1790000000) * SECOND)
#define WINDOWS_TICK_NS 15625000

struct clock_test {
    const char *os; /* Windows: its clock goes by ticks */
    void *memory;
    struct samples *samples;
    struct failure why;
};

static int
setup(void **state)
{
    static const struct samples_limits limits = {.series_max = 10,
                                                 .label_bytes_max = 10};
    struct clock_test *test = calloc(1, sizeof(*test));

    test->memory = calloc(1, clock_collector.memory_bytes);
    test->samples = samples_new(&limits);
    *state = test;
    return 0;
}

static int
teardown(void **state)
{
    struct clock_test *test = *state;

    samples_free(test->samples);
    free(test->memory);
    free(test);
    return 0;
}

static int
ask_exchange(struct clock_test *test, json_t *reply, int64_t sent_ns,
             int64_t received_ns, int64_t round_trip_ns)
{
    struct exchange when = {.sent_ns = sent_ns,
                            .received_ns = received_ns,
                            .round_trip_ns = round_trip_ns,
                            .os = test->os,
                            .memory = test->memory};

    samples_clear(test->samples);
    int result = clock_collector.parse(reply, &when, test->samples, &test->why);
    json_decref(reply);
    return result;
}

/* A call at `at_ns` after START that takes `span_ns`; the guest, `offset_ns` ahead,
 * reads its clock when `early_ns` of it are over. */
static void
ask(struct clock_test *test, int64_t at_ns, int64_t span_ns, int64_t early_ns,
    int64_t offset_ns)
{
    int64_t sent_ns = START + at_ns, guest_ns = sent_ns + early_ns + offset_ns;
    json_t *reply =
        json_integer(test->os ? guest_ns - guest_ns % WINDOWS_TICK_NS : guest_ns);

    assert_int_equal(ask_exchange(test, reply, sent_ns, sent_ns + span_ns, span_ns), 0);
}

/* What was published by that name, or NAN. */
static double
value_of(struct clock_test *test, const char *name)
{
    for (size_t i = 0; i < samples_count(test->samples); i++)
        if (strcmp(samples_at(test->samples, i).metric->name, name) == 0)
            return samples_at(test->samples, i).value;
    return NAN;
}

static void
published(struct clock_test *test, double offset_s, double uncertainty_s)
{
    assert_int_equal(samples_dropped(test->samples), 0);
    assert_float_equal(value_of(test, "qga_clock_offset_seconds"), offset_s, 1e-9);
    assert_float_equal(value_of(test, "qga_clock_offset_uncertainty_seconds"),
                       uncertainty_s, 1e-9);
}

static void
stepped(struct clock_test *test, double steps)
{
    assert_float_equal(value_of(test, "qga_clock_steps_total"), steps, 0);
}

static void
the_offset_is_against_the_midpoint(void **state)
{
    ask(*state, 0, 10 * MS, 5 * MS, 90 * SECOND);
    published(*state, 90, 0.005001);
}

/* However the guest's reading lies within the call, the truth is within the interval.
 */
static void
the_uncertainty_covers_the_whole_call(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 10 * MS, 10 * MS, -3 * SECOND);
    published(test, -2.995, 0.005001);
}

static void
a_slow_call_does_not_displace_a_fast_one(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 5 * MS);
    ask(test, 15 * SECOND, 900 * MS, 800 * MS, 5 * MS);
    /* 15.449 s, from middle to middle, at 500 ppm */
    published(test, 0.005, 0.001001 + 0.0077245);
    ask(test, 30 * SECOND, 2 * MS, MS, 5 * MS);
    published(test, 0.005, 0.001001);
}

static void
an_old_sample_loses_by_its_age(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 5 * MS);
    ask(test, 15 * SECOND, 4 * MS, 3 * MS, 5 * MS);
    published(test, 0.006, 0.002001);
}

static void
samples_are_forgotten_by_age_and_number(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    ask(test, 299 * SECOND, 900 * MS, 450 * MS, 0);
    published(test, 0, 0.001001 + 0.1497245);
    ask(test, 301 * SECOND, 900 * MS, 450 * MS, 0);
    published(test, 0, 0.450001);

    ask(test, 302 * SECOND, 2 * MS, MS, 0);
    for (int i = 1; i <= 7; i++)
        ask(test, (302 + i) * SECOND, 900 * MS, 450 * MS, 0);
    published(test, 0, 0.001001 + 7.449 * 5e-4);
    ask(test, 310 * SECOND, 900 * MS, 450 * MS, 0);
    published(test, 0, 0.450001);
}

static void
a_step_of_the_guest_shows_at_once(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    ask(test, 15 * SECOND, 2 * MS, MS, 0);
    ask(test, 30 * SECOND, 100 * MS, 50 * MS, -200 * MS);
    published(test, -0.2, 0.050001);
    stepped(test, 1);
    ask(test, 45 * SECOND, 300 * MS, 150 * MS, -200 * MS);
    published(test, -0.2, 0.050001 + 0.00755);
    stepped(test, 1);
}

/* A step smaller than the error of the new sample is not seen by it, but by the next
 * good one. */
static void
a_small_step_shows_with_a_good_sample(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    ask(test, 15 * SECOND, 100 * MS, 50 * MS, 20 * MS);
    published(test, 0, 0.001001 + 0.0075245);
    ask(test, 30 * SECOND, 4 * MS, 2 * MS, 20 * MS);
    published(test, 0.02, 0.002001);
}

static void
a_step_of_the_host_during_the_call_publishes_nothing(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    int64_t sent_ns = START + 15 * SECOND;
    assert_int_equal(ask_exchange(test, json_integer(sent_ns), sent_ns,
                                  sent_ns + 10 * SECOND, 2 * MS),
                     0);
    assert_int_equal(samples_count(test->samples), 0);
    assert_int_equal(
        ask_exchange(test, json_integer(sent_ns), sent_ns, sent_ns - SECOND, 2 * MS),
        0);
    assert_int_equal(samples_count(test->samples), 0);
    /* What was known before the step is forgotten with it. */
    ask(test, 40 * SECOND, 600 * MS, 300 * MS, 0);
    published(test, 0, 0.300001);
}

/* Within the millisecond, the longer of the two spans counts. */
static void
the_longer_span_of_the_host_counts(void **state)
{
    struct clock_test *test = *state;

    assert_int_equal(
        ask_exchange(test, json_integer(START + MS), START, START + 2 * MS, 3 * MS), 0);
    published(test, 0, 0.001501);
}

static void
a_step_of_the_host_between_calls_forgets(void **state)
{
    struct clock_test *test = *state;

    ask(test, 100 * SECOND, 2 * MS, MS, 0);
    ask(test, 10 * SECOND, 80 * MS, 40 * MS, 0); /* set back, and the guest with it */
    published(test, 0, 0.040001);
    ask(test, 25 * SECOND, 80 * MS, 40 * MS, 3600 * SECOND);
    published(test, 3600, 0.040001);
}

static void
times_at_the_ends_of_int64_do_no_harm(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    assert_int_equal(ask_exchange(test, json_integer(INT64_MAX), START + SECOND,
                                  START + SECOND + 2 * MS, 2 * MS),
                     0);
    published(test, (double)(INT64_MAX - START - SECOND) / 1e9, 0.001001);
    assert_int_equal(ask_exchange(test, json_integer(INT64_MIN), START + 2 * SECOND,
                                  START + 2 * SECOND + 2 * MS, 2 * MS),
                     -1);
    assert_int_equal(test->why.kind, FAILURE_MALFORMED);
    /* The furthest back that can be said, after the furthest ahead. */
    assert_int_equal(ask_exchange(test, json_integer(INT64_MIN + START + 4 * SECOND),
                                  START + 3 * SECOND, START + 3 * SECOND + 2 * MS,
                                  2 * MS),
                     0);
    assert_true(value_of(test, "qga_clock_offset_seconds") < -9e9);
    stepped(test, 2);
}

static void
host_times_at_the_ends_of_int64_do_no_harm(void **state)
{
    struct clock_test *test = *state;
    const int64_t ends[] = {INT64_MIN, -1, 0, START, INT64_MAX};

    for (int i = 0; i < 125; i++) {
        assert_int_equal(ask_exchange(test, json_integer(START), ends[i % 5],
                                      ends[i / 5 % 5], ends[i / 25]),
                         0);
        assert_true(samples_count(test->samples) == 0 ||
                    value_of(test, "qga_clock_offset_uncertainty_seconds") >= 0);
    }
}

/* --- a guest over hours --- */

/* A guest whose clock runs steadily, asked as in the field: every 15 s or so, in 2 ms
 * or so, one call in twenty up to a second late, its clock read anywhere within the
 * call. */
struct guest_clock {
    uint64_t random;
    int64_t at_ns; /* of the host, after START */
    double offset_s, drift;
    size_t asked, offset_held, drift_published, drift_held;
};

/* From 0 to 1; the same in each run. */
static double
random_next(struct guest_clock *guest)
{
    guest->random ^= guest->random << 13;
    guest->random ^= guest->random >> 7;
    guest->random ^= guest->random << 17;
    return (double)(guest->random >> 11) / 0x1p53;
}

static void
guest_pass(struct guest_clock *guest, int64_t span_ns)
{
    guest->at_ns += span_ns;
    guest->offset_s += guest->drift * ((double)span_ns / 1e9);
}

static void
guest_ask(struct guest_clock *guest, struct clock_test *test)
{
    guest_pass(guest, 14 * SECOND + (int64_t)(random_next(guest) * 2e9));
    double slow = random_next(guest) < 0.05 ? 1e9 : 3e6;
    int64_t span_ns = MS + (int64_t)(random_next(guest) * slow);
    int64_t early_ns = (int64_t)(random_next(guest) * (double)span_ns);
    ask(test, guest->at_ns, span_ns, early_ns, (int64_t)(guest->offset_s * 1e9));

    guest->asked++;
    double error_s = value_of(test, "qga_clock_offset_seconds") - guest->offset_s;
    guest->offset_held +=
        fabs(error_s) <= value_of(test, "qga_clock_offset_uncertainty_seconds");
    double drift = value_of(test, "qga_clock_drift_ratio");
    guest->drift_published += isnan(drift) ? 0 : 1;
    guest->drift_held += fabs(drift - guest->drift) <=
                         value_of(test, "qga_clock_drift_uncertainty_ratio");
}

static void
guest_ask_for(struct guest_clock *guest, struct clock_test *test, int64_t span_ns)
{
    for (int64_t end_ns = guest->at_ns + span_ns; guest->at_ns < end_ns;)
        guest_ask(guest, test);
}

static void
the_stated_errors_hold_at_every_drift(void **state)
{
    static const double drifts[] = {0, 10e-6, -10e-6, 100e-6, -100e-6, 500e-6, -500e-6};

    for (size_t i = 0; i < sizeof(drifts) / sizeof(*drifts); i++) {
        struct clock_test *test = *state;
        struct guest_clock guest = {.random = i + 1, .drift = drifts[i]};

        memset(test->memory, 0, clock_collector.memory_bytes);
        guest_ask_for(&guest, test, 10 * 3600 * SECOND);
        assert_true(guest.asked > 2300);
        assert_true(guest.offset_held * 100 >= guest.asked * 99);
        assert_true(guest.drift_held * 100 >= guest.drift_published * 99);
        assert_true(guest.drift_published > guest.asked - 60);
        assert_float_equal(value_of(test, "qga_clock_drift_ratio"), drifts[i], 1e-6);
        assert_true(value_of(test, "qga_clock_drift_uncertainty_ratio") < 2e-6);
        stepped(test, 0);
    }
}

static void
a_drift_shows_after_ten_minutes(void **state)
{
    struct guest_clock guest = {.random = 7, .drift = 100e-6};

    guest_ask_for(&guest, *state, 590 * SECOND);
    assert_int_equal(guest.drift_published, 0);
    guest_ask_for(&guest, *state, 100 * SECOND);
    assert_true(guest.drift_published > 0);
    assert_int_equal(guest.drift_published, guest.drift_held);
}

/* A guest so slow that ten minutes say nothing of its drift. */
static void
no_drift_is_published_of_noise(void **state)
{
    struct clock_test *test = *state;

    for (int i = 0; i < 60; i++)
        ask(test, i * 15 * SECOND, 100 * MS, 50 * MS, 0);
    assert_true(isnan(value_of(test, "qga_clock_drift_ratio")));
    for (int i = 60; i < 60 * 4; i++)
        ask(test, i * 15 * SECOND, 100 * MS, 50 * MS, 0);
    assert_float_equal(value_of(test, "qga_clock_drift_ratio"), 0, 1e-9);
    assert_float_equal(value_of(test, "qga_clock_drift_uncertainty_ratio"), 42e-6,
                       3e-6); /* 3 * 50 ms in an hour */
}

static void
steps_are_counted_each_once(void **state)
{
    static const double steps_s[] = {1, -1, -3600, 3600, 0.25, -0.25, 90};
    struct clock_test *test = *state;
    struct guest_clock guest = {.random = 3, .drift = 30e-6};

    guest_ask_for(&guest, test, 1800 * SECOND);
    for (size_t i = 0; i < sizeof(steps_s) / sizeof(*steps_s); i++) {
        guest.offset_s += steps_s[i];
        guest_ask_for(&guest, test, 60 * SECOND); /* slow calls may not tell at once */
        assert_true(isnan(value_of(test, "qga_clock_drift_ratio")));
        guest_ask_for(&guest, test, 1800 * SECOND);
        stepped(test, (double)i + 1);
        assert_float_equal(value_of(test, "qga_clock_drift_ratio"), 30e-6, 3e-6);
    }
    assert_true(guest.offset_held * 100 >= guest.asked * 99);
    assert_true(guest.drift_held * 100 >= guest.drift_published * 99);
}

/* A slow call cannot tell a small step; the next fast one can, and it counts once. */
static void
a_step_hidden_by_a_slow_call_counts_once(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    ask(test, 15 * SECOND, 900 * MS, 450 * MS, 300 * MS);
    stepped(test, 0);
    ask(test, 30 * SECOND, 2 * MS, MS, 300 * MS);
    stepped(test, 1);
    ask(test, 45 * SECOND, 2 * MS, MS, 300 * MS);
    stepped(test, 1);
}

/* Asked so seldom that only the history tells. */
static void
a_step_between_rare_calls_counts(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 0);
    ask(test, 1800 * SECOND, 2 * MS, MS, 3 * SECOND);
    stepped(test, 1);
}

/* A crystal that warms up and cools down. */
static void
the_stated_error_holds_while_the_rate_wanders(void **state)
{
    struct clock_test *test = *state;
    struct guest_clock guest = {.random = 5};

    for (int i = 0; i < 5000; i++) {
        guest.drift = 20e-6 * sin(i / 200.0) + 5e-6 * sin(i / 37.0);
        guest_ask(&guest, test);
    }
    stepped(test, 0);
    assert_true(guest.offset_held * 1000 >= guest.asked * 999);
}

/* Slewing by NTP is no step. */
static void
a_change_of_rate_is_no_step_and_forgets_the_rate_before(void **state)
{
    struct clock_test *test = *state;
    struct guest_clock guest = {.random = 11, .drift = 10e-6};

    guest_ask_for(&guest, test, 2 * 3600 * SECOND);
    guest.drift = -490e-6;
    guest_ask_for(&guest, test, 1200 * SECOND);
    guest.drift_published = guest.drift_held = 0;
    guest_ask_for(&guest, test, 3600 * SECOND);
    stepped(test, 0);
    assert_float_equal(value_of(test, "qga_clock_drift_ratio"), -490e-6, 3e-6);
    assert_true(guest.drift_held * 100 >= guest.drift_published * 99);
    assert_true(guest.offset_held * 100 >= guest.asked * 99);
}

/* What it tells may be as old as its last tick. */
static void
the_stated_errors_hold_for_the_clock_of_windows(void **state)
{
    struct clock_test *test = *state;
    struct guest_clock guest = {.random = 13, .drift = 40e-6};

    test->os = "mswindows";
    guest_ask_for(&guest, test, 10 * 3600 * SECOND);
    assert_true(guest.offset_held * 100 >= guest.asked * 99);
    assert_true(guest.drift_published > guest.asked / 2);
    assert_true(guest.drift_held * 100 >= guest.drift_published * 99);
    stepped(test, 0);
}

/* The first sample came before the guest said what it runs. */
static void
a_sample_with_the_error_of_another_os_is_forgotten(void **state)
{
    struct clock_test *test = *state;

    ask(test, 0, 2 * MS, MS, 5 * MS);
    published(test, 0.005, 0.001001);
    test->os = "mswindows";
    ask(test, 15 * SECOND, 2 * MS, MS, 0);
    assert_float_equal(value_of(test, "qga_clock_offset_uncertainty_seconds"), 0.016625,
                       1e-9);
    stepped(test, 0);
}

#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLOCK_TEST(the_offset_is_against_the_midpoint),
        CLOCK_TEST(the_uncertainty_covers_the_whole_call),
        CLOCK_TEST(a_slow_call_does_not_displace_a_fast_one),
        CLOCK_TEST(an_old_sample_loses_by_its_age),
        CLOCK_TEST(samples_are_forgotten_by_age_and_number),
        CLOCK_TEST(a_step_of_the_guest_shows_at_once),
        CLOCK_TEST(a_small_step_shows_with_a_good_sample),
        CLOCK_TEST(a_step_of_the_host_during_the_call_publishes_nothing),
        CLOCK_TEST(the_longer_span_of_the_host_counts),
        CLOCK_TEST(a_step_of_the_host_between_calls_forgets),
        CLOCK_TEST(times_at_the_ends_of_int64_do_no_harm),
        CLOCK_TEST(host_times_at_the_ends_of_int64_do_no_harm),
        CLOCK_TEST(the_stated_errors_hold_at_every_drift),
        CLOCK_TEST(a_drift_shows_after_ten_minutes),
        CLOCK_TEST(no_drift_is_published_of_noise),
        CLOCK_TEST(steps_are_counted_each_once),
        CLOCK_TEST(the_stated_error_holds_while_the_rate_wanders),
        CLOCK_TEST(a_step_hidden_by_a_slow_call_counts_once),
        CLOCK_TEST(a_step_between_rare_calls_counts),
        CLOCK_TEST(a_change_of_rate_is_no_step_and_forgets_the_rate_before),
        CLOCK_TEST(the_stated_errors_hold_for_the_clock_of_windows),
        CLOCK_TEST(a_sample_with_the_error_of_another_os_is_forgotten),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
