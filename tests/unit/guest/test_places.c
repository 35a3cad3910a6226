/* How many lanes each class of guests may hold. */
#include "guest/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* How many calls of the class may be in flight beside so many of the other one. */
static unsigned int
most(struct places places, enum schedule_class class, unsigned int lanes)
{
    unsigned int count = 0;

    for (; count < 100 && places_has_one(&places, class, lanes); count++)
        places.in_flight[class]++;
    return count;
}

static void
test_places(void **state)
{
    static const struct {
        unsigned int lanes, well, confined, silent; /* guests */
        unsigned int confined_places, silent_places;
    } cases[] = {
        {4, 20, 0, 200, 1, 1}, {8, 20, 0, 200, 1, 2},
        {4, 20, 1, 0, 1, 1},   {4, 20, 4, 0, 1, 1},
        {4, 20, 12, 0, 1, 1},  {4, 20, 30, 0, 2, 1},
        {4, 1, 1000, 0, 3, 1}, /* one is left */
        {4, 0, 50, 0, 4, 1},   /* a slow host */
        {2, 20, 30, 10, 1, 1}, {1, 20, 30, 10, 1, 1},
        {0, 20, 30, 10, 0, 0}, /* all hang */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct places places = {.guests = {[SCHEDULE_WELL] = cases[i].well,
                                           [SCHEDULE_CONFINED] = cases[i].confined,
                                           [SCHEDULE_SILENT] = cases[i].silent}};

        assert_int_equal(most(places, SCHEDULE_CONFINED, cases[i].lanes),
                         cases[i].confined_places);
        assert_int_equal(most(places, SCHEDULE_SILENT, cases[i].lanes),
                         cases[i].silent_places);
        assert_int_equal(most(places, SCHEDULE_WELL, cases[i].lanes), 100);
    }
}

/* However many they are, one lane is left to those that are well. */
static void
test_both_together_leave_one(void **state)
{
    struct places places = {
        .guests = {[SCHEDULE_WELL] = 1, [SCHEDULE_CONFINED] = 1000}};

    (void)state;
    places.in_flight[SCHEDULE_SILENT] = 1;
    assert_int_equal(most(places, SCHEDULE_CONFINED, 4), 2);
    places.in_flight[SCHEDULE_SILENT] = 0;
    places.in_flight[SCHEDULE_CONFINED] = 3;
    assert_int_equal(most(places, SCHEDULE_SILENT, 4), 0);
    places.guests[SCHEDULE_WELL] = 0;
    assert_int_equal(most(places, SCHEDULE_SILENT, 4), 1);
}

static void
test_guests_are_counted(void **state)
{
    struct places places = {.guests = {0}};

    (void)state;
    places_move_guest(&places, SCHEDULE_NOBODY, SCHEDULE_WELL);
    places_move_guest(&places, SCHEDULE_WELL, SCHEDULE_WELL);
    assert_int_equal(places.guests[SCHEDULE_WELL], 1);
    places_move_guest(&places, SCHEDULE_WELL, SCHEDULE_SILENT);
    assert_int_equal(places.guests[SCHEDULE_WELL], 0);
    assert_int_equal(places.guests[SCHEDULE_SILENT], 1);
    places_move_guest(&places, SCHEDULE_SILENT, SCHEDULE_NOBODY);
    places_move_guest(&places, SCHEDULE_NOBODY, SCHEDULE_NOBODY);
    for (int i = 0; i < SCHEDULE_CLASSES; i++)
        assert_int_equal(places.guests[i], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_both_together_leave_one),
        cmocka_unit_test(test_guests_are_counted),
    };

    return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
