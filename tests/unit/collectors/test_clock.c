/* The clock collector call by call: which sample counts, steps of either clock, and
 * times that make no sense. */
#include "unit/collectors/clock_calls.h"

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
    assert_int_equal(test->why.kind, FAILURE_WRONG_SHAPE);
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
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
