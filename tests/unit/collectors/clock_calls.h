/* A guest's clock collector that is asked, and what it publishes. */
#ifndef CLOCK_CALLS_H
#define CLOCK_CALLS_H

#include "collector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

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

static inline int
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

static inline int
teardown(void **state)
{
    struct clock_test *test = *state;

    samples_free(test->samples);
    free(test->memory);
    free(test);
    return 0;
}

static inline int
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
static inline void
ask(struct clock_test *test, int64_t at_ns, int64_t span_ns, int64_t early_ns,
    int64_t offset_ns)
{
    int64_t sent_ns = START + at_ns, guest_ns = sent_ns + early_ns + offset_ns;
    json_t *reply =
        json_integer(test->os ? guest_ns - guest_ns % WINDOWS_TICK_NS : guest_ns);

    assert_int_equal(ask_exchange(test, reply, sent_ns, sent_ns + span_ns, span_ns), 0);
}

/* What was published by that name, or NAN. */
static inline double
value_of(struct clock_test *test, const char *name)
{
    for (size_t i = 0; i < samples_count(test->samples); i++)
        if (strcmp(samples_at(test->samples, i).metric->name, name) == 0)
            return samples_at(test->samples, i).value;
    return NAN;
}

static inline void
published(struct clock_test *test, double offset_s, double uncertainty_s)
{
    assert_int_equal(samples_dropped(test->samples), 0);
    assert_float_equal(value_of(test, "qga_clock_offset_seconds"), offset_s, 1e-9);
    assert_float_equal(value_of(test, "qga_clock_offset_uncertainty_seconds"),
                       uncertainty_s, 1e-9);
}

static inline void
stepped(struct clock_test *test, double steps)
{
    assert_float_equal(value_of(test, "qga_clock_steps_total"), steps, 0);
}

#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
