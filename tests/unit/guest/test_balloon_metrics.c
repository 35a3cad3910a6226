/* A guest's memory: when its word counts, and the samples of it. */
#include "guest/balloon_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define S (INT64_C(1000) * 1000 * 1000)
#define NOW (1700000000 * S)
#define MAX_AGE (75 * S)

static struct balloon
balloon_of(int64_t age_ns)
{
    return (struct balloon){
        .has = {[BALLOON_TOTAL] = true, [BALLOON_SWAP_IN] = true},
        .words = {[BALLOON_TOTAL] = 4096, [BALLOON_SWAP_IN] = 0},
        .updated_ns = NOW - age_ns,
        .read_ns = NOW,
        .read_mono_ns = 1000 * S,
        .resident_bytes = 8192,
    };
}

static void
test_how_long_a_word_counts(void **state)
{
    static const struct {
        int64_t age_ns;
        bool is_current;
    } ages[] = {
        {0, true},
        {MAX_AGE - 1, true},
        {MAX_AGE, false},
        {10000 * S, false},
        /* The host's clock was set back since. */
        {-1, true},
        {-(MAX_AGE - 1), true},
        {-MAX_AGE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct balloon balloon = balloon_of(ages[i].age_ns);

        assert_int_equal(balloon_is_current(&balloon, MAX_AGE), ages[i].is_current);
    }
}

static void
test_guests_that_say_nothing(void **state)
{
    struct balloon untold = {0}, silent = balloon_of(0), empty = balloon_of(0);

    (void)state;
    silent.updated_ns = 0;
    empty.has[BALLOON_TOTAL] = false;
    assert_false(balloon_is_current(&untold, MAX_AGE));
    assert_false(balloon_is_current(&silent, MAX_AGE));
    assert_false(balloon_is_current(&silent, INT64_MAX));
    assert_false(balloon_is_current(&empty, MAX_AGE));
}

/* With the word's age at that time; never longer than from then on. */
static void
test_when_a_word_expires(void **state)
{
    struct balloon new = balloon_of(0), old = balloon_of(60 * S),
                   later = balloon_of(-S);

    (void)state;
    assert_int_equal(balloon_expires_ns(&new, MAX_AGE), 1000 * S + MAX_AGE);
    assert_int_equal(balloon_expires_ns(&old, MAX_AGE), 1015 * S);
    assert_int_equal(balloon_expires_ns(&later, MAX_AGE), 1000 * S + MAX_AGE);
}

static double
value_of(const struct samples *samples, const char *name)
{
    for (size_t i = 0; i < samples_count(samples); i++) {
        if (strcmp(samples_at(samples, i).metric->name, name) == 0)
            return samples_at(samples, i).value;
    }
    return -1;
}

static void
test_samples(void **state)
{
    const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 99};
    struct samples *samples = samples_new(&limits);
    struct balloon balloon = balloon_of(0);

    (void)state;
    balloon_samples(&balloon, samples);
    assert_int_equal(samples_count(samples), 2); /* no zero for what was not said */
    assert_true(value_of(samples, "qga_balloon_MemTotal_bytes") == 4096);
    assert_true(value_of(samples, "qga_balloon_swap_in_bytes_total") == 0);

    samples_clear(samples);
    balloon_host_samples(&balloon, samples);
    assert_int_equal(samples_count(samples), 2);
    assert_true(value_of(samples, "qga_domain_memory_resident_bytes") == 8192);
    assert_true(value_of(samples, "qga_balloon_last_update_timestamp_seconds") ==
                1700000000);

    samples_clear(samples);
    balloon.updated_ns = 0;
    balloon_host_samples(&balloon, samples);
    assert_int_equal(samples_count(samples), 1);
    samples_free(samples);
}

/* Each word has a family of its own, and all that there are have samples. */
static void
test_every_word_has_its_family(void **state)
{
    const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 99};
    struct samples *samples = samples_new(&limits);
    struct balloon balloon = balloon_of(0);

    (void)state;
    for (size_t i = 0; i < BALLOON_WORDS; i++) {
        balloon.has[i] = true;
        balloon.words[i] = (double)i;
    }
    balloon_samples(&balloon, samples);
    assert_int_equal(samples_count(samples), BALLOON_WORDS);
    for (size_t i = 0; i < BALLOON_WORDS; i++)
        assert_true(value_of(samples, balloon_metrics[i]->name) >= 0);
    assert_null(balloon_metrics[BALLOON_WORDS]);
    samples_free(samples);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_long_a_word_counts),
        cmocka_unit_test(test_guests_that_say_nothing),
        cmocka_unit_test(test_when_a_word_expires),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_every_word_has_its_family),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
