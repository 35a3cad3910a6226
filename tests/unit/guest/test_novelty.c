/* New series: an hour's at once, then one after each share of an hour. */
#include "guest/novelty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define HOUR (3600 * S)
#define PER_HOUR 36 /* one each 100 s */

static const struct metric metric = {.name = "m", .labels = {"n"}};
static const struct samples_limits limits = {.series_max = 1000, .label_bytes_max = 9};

struct world {
    struct novelty novelty;
    struct novelty_known known;
    struct samples *samples;
};

/* A reply of the series from..to; how many of them are shown. */
static size_t
shows(struct world *world, unsigned int per_hour, int from, int to, int64_t now_ns)
{
    samples_clear(world->samples);
    for (int i = from; i < to; i++) {
        char name[12];

        (void)snprintf(name, sizeof(name), "%d", i);
        samples_add(world->samples, &metric, i, LABELS(name));
    }
    novelty_admit(&world->novelty, &world->known, world->samples, per_hour, now_ns);
    assert_int_equal(samples_count(world->samples) + samples_dropped(world->samples),
                     to - from);
    return samples_count(world->samples);
}

static int
set_up(void **state)
{
    static struct world world;

    world = (struct world){.samples = samples_new(&limits)};
    *state = &world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    novelty_clear(&world->known);
    samples_free(world->samples);
    return 0;
}

static void
what_is_known_costs_nothing(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 100; i++)
        assert_int_equal(shows(world, PER_HOUR, 0, PER_HOUR, (5 + i) * S), PER_HOUR);
    assert_int_equal(shows(world, PER_HOUR, 0, 10, 200 * S), 10);
}

/* The host may have started a moment ago. */
static void
an_hours_come_at_once(void **state)
{
    struct world *world = *state;

    assert_int_equal(shows(world, PER_HOUR, 0, 100, 1 * S), PER_HOUR);
    assert_int_equal(shows(world, PER_HOUR, 0, 100, 100 * S), PER_HOUR);
    assert_int_equal(shows(world, PER_HOUR, 0, 100, 101 * S), PER_HOUR + 1);
    assert_int_equal(shows(world, PER_HOUR, 0, 100, 501 * S), PER_HOUR + 5);
    assert_int_equal(shows(world, PER_HOUR, 0, 100, 501 * S + HOUR), 2 * PER_HOUR + 5);
}

/* However often it says others, and however long it was well before. */
static void
a_flow_is_bounded(void **state)
{
    struct world *world = *state;
    size_t shown = 0;

    for (int i = 0; i < 24 * 60; i++)
        shown += shows(world, PER_HOUR, 10 * i, 10 * i + 10, 100 * HOUR + i * 60 * S);
    assert_in_range(shown, 24 * PER_HOUR, 25 * PER_HOUR);
}

static void
there_may_be_no_bound(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 10; i++)
        assert_int_equal(shows(world, 0, 1000 * i, 1000 * i + 1000, (1 + i) * S), 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_known_costs_nothing),
        TEST(an_hours_come_at_once),
        TEST(a_flow_is_bounded),
        TEST(there_may_be_no_bound),
    };

    return cmocka_run_group_tests_name("novelty", tests, NULL, NULL);
}
