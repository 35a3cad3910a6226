/* What happened to a guest, as samples. */
#include "guest/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "unit/cmocka_any.h"

static const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 99};

/* -1: there is none. */
static double
value_of(const struct samples *samples, const char *name, const char *label)
{
    for (size_t i = 0; i < samples_count(samples); i++) {
        struct sample sample = samples_at(samples, i);

        if (strcmp(sample.metric->name, name) == 0 &&
            strcmp(sample.label_values[0], label) == 0)
            return sample.value;
    }
    return -1;
}

/* Before the first there is a 0 of each, or increase() would not see it; and nothing
 * else. */
static void
test_nothing_has_happened(void **state)
{
    struct samples *samples = samples_new(&limits);
    struct events events = {.disks = NULL};

    (void)state;
    events_samples(&events, samples);
    assert_int_equal(samples_count(samples), GUEST_EVENTS_KINDS);
    for (size_t i = 0; i < GUEST_EVENTS_KINDS; i++)
        assert_true(
            value_of(samples, "qga_domain_events_total", guest_event_names[i]) == 0);
    samples_free(samples);
}

static void
test_each_kind_counts_alone(void **state)
{
    struct samples *samples = samples_new(&limits);
    struct events events = {.disks = NULL};

    (void)state;
    for (int kind = 0; kind < GUEST_EVENTS_KINDS; kind++) {
        for (int times = 0; times <= kind; times++)
            assert_true(events_count(&events, (enum guest_event_kind)kind, "vda",
                                     times * EVENTS_REBOOT_NS));
    }
    events_samples(&events, samples);
    for (size_t i = 0; i < GUEST_EVENTS_KINDS; i++)
        assert_true(value_of(samples, "qga_domain_events_total",
                             guest_event_names[i]) == (double)(i + 1));
    assert_true(value_of(samples, "qga_domain_disk_io_errors_total", "vda") ==
                GUEST_IO_ERROR + 1);
    assert_int_equal(samples_count(samples), GUEST_EVENTS_KINDS + 1);
    events_clear(&events);
    assert_int_equal(events.totals[GUEST_IO_ERROR], 0);
    samples_free(samples);
}

/* What a reset of one real machine makes is three; a guest that does nothing but reset
 * itself is seen to. */
static void
test_resets_of_one_reboot(void **state)
{
    static const struct {
        int64_t at_ns;
        bool counts;
    } resets[] = {
        {0, true},
        {1, false},
        {EVENTS_REBOOT_NS - 1, false},
        {EVENTS_REBOOT_NS, true},
        {2 * EVENTS_REBOOT_NS - 1, false},
        {2 * EVENTS_REBOOT_NS, true},
    };
    struct events events = {.disks = NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++)
        assert_int_equal(events_count(&events, GUEST_REBOOTED, "", resets[i].at_ns),
                         resets[i].counts);
    assert_int_equal(events.totals[GUEST_REBOOTED], 3);
    assert_true(events_count(&events, GUEST_WATCHDOG, "", 0));
    assert_true(events_count(&events, GUEST_WATCHDOG, "", 0));
}

static void
test_disks_beyond_the_limit_count_in_the_total(void **state)
{
    struct samples *samples = samples_new(&limits);
    struct events events = {.disks = NULL};
    char name[16];

    (void)state;
    for (int i = 0; i < EVENTS_DISKS_MAX + 5; i++) {
        (void)snprintf(name, sizeof(name), "disk%d", i);
        (void)events_count(&events, GUEST_IO_ERROR, name, 0);
    }
    (void)events_count(&events, GUEST_IO_ERROR, "disk0", 0);
    events_samples(&events, samples);
    assert_int_equal(samples_count(samples), GUEST_EVENTS_KINDS + EVENTS_DISKS_MAX);
    assert_true(value_of(samples, "qga_domain_events_total", "io_error") ==
                EVENTS_DISKS_MAX + 6);
    assert_true(value_of(samples, "qga_domain_disk_io_errors_total", "disk0") == 2);
    events_clear(&events);
    samples_free(samples);
}

/* A name that is cut is the same name the next time. */
static void
test_long_names_are_cut(void **state)
{
    struct events events = {.disks = NULL};
    char name[2 * GUEST_EVENT_DISK_BYTES];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)events_count(&events, GUEST_IO_ERROR, name, 0);
    (void)events_count(&events, GUEST_IO_ERROR, name, 0);
    assert_int_equal(events.disks_count, 1);
    assert_int_equal(events.disks[0].count, 2);
    assert_int_equal(strlen(events.disks[0].name), GUEST_EVENT_DISK_BYTES - 1);
    events_clear(&events);
}

static void
test_why_it_stands_still(void **state)
{
    static const struct {
        enum pause_reason reason;
        const char *name;
    } reasons[] = {
        {PAUSE_OTHER, "other"},       {PAUSE_USER, "user"},
        {PAUSE_IO_ERROR, "io_error"}, {PAUSE_WATCHDOG, "watchdog"},
        {PAUSE_PANICKED, "panicked"}, {PAUSE_SUSPENDED, "suspended"},
    };
    struct samples *samples = samples_new(&limits);

    (void)state;
    _Static_assert(sizeof(reasons) / sizeof(reasons[0]) == PAUSE_REASONS, "all");
    for (size_t i = 0; i < PAUSE_REASONS; i++) {
        pause_samples(reasons[i].reason, samples);
        assert_int_equal(samples_count(samples), 1);
        assert_true(value_of(samples, "qga_domain_paused", reasons[i].name) == 1);
        samples_clear(samples);
    }
    samples_free(samples);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_has_happened),
        cmocka_unit_test(test_each_kind_counts_alone),
        cmocka_unit_test(test_resets_of_one_reboot),
        cmocka_unit_test(test_disks_beyond_the_limit_count_in_the_total),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_why_it_stands_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
