/* The clock collector over hours: stated errors, drift, steps among rare or slow calls.
 */
#include "unit/collectors/clock_calls.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
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

    return cmocka_run_group_tests_name("clock over hours", tests, NULL, NULL);
}
