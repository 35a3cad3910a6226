/* The grid of a guest's collectors: plain values. */
#include "guest/ticks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define NOW (1000 * S)

enum { CLOCK, OS, COLLECTORS };

static const struct schedule_settings settings = {
    .collectors = {[CLOCK] = {.enabled = true, .interval_ns = 10 * S},
                   [OS] = {.enabled = true, .interval_ns = 60 * S}},
    .collectors_count = COLLECTORS,
};

static void
a_tick_is_half_to_one_and_a_half_periods_away(void **state)
{
    struct schedule_guest guest = {.hash = 42};

    (void)state;
    for (int64_t now_ns = NOW; now_ns < NOW + 20 * S; now_ns += S / 3) {
        ticks_set_next(&settings, &guest, CLOCK, now_ns);
        int64_t away_ns = guest.entries[CLOCK].due_ns - now_ns;

        assert_true(away_ns >= 5 * S && away_ns < 15 * S);
    }
}

static void
ticks_are_regular_whenever_the_call_was(void **state)
{
    struct schedule_guest guest = {.hash = 42};

    (void)state;
    ticks_set_next(&settings, &guest, CLOCK, NOW);
    int64_t first_ns = guest.entries[CLOCK].due_ns;

    ticks_set_next(&settings, &guest, CLOCK, first_ns + S); /* late */
    assert_int_equal(guest.entries[CLOCK].due_ns, first_ns + 10 * S);
    ticks_set_next(&settings, &guest, CLOCK, first_ns + 36 * S); /* three are missed */
    assert_int_equal(guest.entries[CLOCK].due_ns, first_ns + 50 * S);
}

static void
phases_differ_but_for_guests_that_are_visited(void **state)
{
    struct schedule_settings same = settings;
    struct schedule_guest guest = {.hash = 42};

    (void)state;
    same.collectors[OS].interval_ns = 10 * S;
    ticks_set_next(&same, &guest, CLOCK, NOW);
    ticks_set_next(&same, &guest, OS, NOW);
    assert_int_not_equal(guest.entries[CLOCK].due_ns, guest.entries[OS].due_ns);
    guest.visited = true;
    ticks_set_next(&same, &guest, CLOCK, NOW);
    ticks_set_next(&same, &guest, OS, NOW);
    assert_int_equal(guest.entries[CLOCK].due_ns, guest.entries[OS].due_ns);
}

static void
what_was_slow_is_due_half_as_often_within_a_limit(void **state)
{
    struct schedule_guest guest = {.hash = 42};

    (void)state;
    ticks_stretch(&settings, &guest, CLOCK);
    ticks_set_next(&settings, &guest, CLOCK, NOW);
    int64_t first_ns = guest.entries[CLOCK].due_ns;

    ticks_set_next(&settings, &guest, CLOCK, first_ns);
    assert_int_equal(guest.entries[CLOCK].due_ns, first_ns + 20 * S);
    for (int i = 0; i < 100; i++)
        ticks_stretch(&settings, &guest, CLOCK);
    assert_int_equal(guest.entries[CLOCK].stretch,
                     6); /* 640 s; twice that is too long */
}

static void
new_settings_make_nothing_late(void **state)
{
    struct schedule_guest guest = {.hash = 42};

    (void)state;
    guest.entries[OS].due_ns = NOW + 2 * S;
    ticks_reset(&settings, &guest, OS, NOW);
    assert_int_equal(guest.entries[OS].due_ns, NOW + 2 * S);
    guest.entries[OS].due_ns = NOW + 3600 * S; /* by a longer interval */
    ticks_reset(&settings, &guest, OS, NOW);
    assert_true(guest.entries[OS].due_ns < NOW + 90 * S);
}

static void
who_is_asked_and_what_is_first(void **state)
{
    struct schedule_guest guest = {.hash = 42};
    int64_t due_ns;

    (void)state;
    guest.entries[CLOCK].due_ns = NOW - S;
    guest.entries[OS].due_ns = NOW - 2 * S;
    /* Both are due: in the order of the list. */
    assert_int_equal(ticks_first_due(&settings, &guest, NOW, &due_ns), CLOCK);
    assert_int_equal(due_ns, NOW);
    guest.entries[CLOCK].blocked = true;
    assert_int_equal(ticks_first_due(&settings, &guest, NOW, &due_ns), OS);
    guest.entries[CLOCK].must = true; /* in mid conversation */
    assert_true(ticks_is_asked(&settings, &guest, CLOCK));
    guest.restricted = true;
    guest.only = OS;
    assert_false(ticks_is_asked(&settings, &guest, CLOCK));
    assert_true(ticks_is_asked(&settings, &guest, OS));
    ticks_set_next(&settings, &guest, OS, NOW);
    assert_int_equal(guest.entries[OS].due_ns, NOW + SCHEDULE_FROZEN_NS);
    guest.restricted = false;
    guest.entries[CLOCK].must = false;
    guest.entries[OS].blocked = true;
    (void)ticks_first_due(&settings, &guest, NOW, &due_ns);
    assert_int_equal(due_ns, INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_is_half_to_one_and_a_half_periods_away),
        cmocka_unit_test(ticks_are_regular_whenever_the_call_was),
        cmocka_unit_test(phases_differ_but_for_guests_that_are_visited),
        cmocka_unit_test(what_was_slow_is_due_half_as_often_within_a_limit),
        cmocka_unit_test(new_settings_make_nothing_late),
        cmocka_unit_test(who_is_asked_and_what_is_first),
    };

    return cmocka_run_group_tests_name("ticks", tests, NULL, NULL);
}
