/* The sample list: its limits, what it drops and counts, UTF-8 and the cut. */
#include "kit/samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct samples_limits limits = {.series_max = 100, .label_bytes_max = 8};
static const struct metric one = {.name = "one", .labels = {"a"}};
static const struct metric other = {.name = "other", .labels = {"a"}};
static const struct metric pair = {.name = "pair", .labels = {"a", "b"}};
static const struct metric bare = {.name = "bare"};

static void
label_becomes(const char *value, const char *expected)
{
    struct samples *samples = samples_new(&limits);

    samples_add(samples, &one, 1, LABELS(value));
    assert_int_equal(samples_count(samples), 1);
    assert_string_equal(samples_at(samples, 0).label_values[0], expected);
    samples_free(samples);
}

static void
samples_are_kept_in_order_with_copied_labels(void **state)
{
    (void)state;
    char label[] = "x";
    struct samples *samples = samples_new(&limits);
    samples_add(samples, &pair, 1.5, LABELS(label, NULL));
    samples_add(samples, &bare, -2, NO_LABELS);
    label[0] = 'y';
    samples_add(samples, &pair, 3, LABELS(label, "b"));
    assert_int_equal(samples_count(samples), 3);
    assert_int_equal(samples_dropped(samples), 0);
    assert_ptr_equal(samples_at(samples, 0).metric, &pair);
    assert_true(samples_at(samples, 0).value == 1.5);
    assert_string_equal(samples_at(samples, 0).label_values[0], "x");
    assert_string_equal(samples_at(samples, 0).label_values[1], "");
    assert_true(samples_at(samples, 1).value == -2);
    assert_string_equal(samples_at(samples, 2).label_values[1], "b");
    samples_free(samples);
}

static void
long_labels_are_cut_at_a_character(void **state)
{
    (void)state;
    label_becomes("12345678", "12345678");
    label_becomes("123456789", "12345678");
    label_becomes("1234567\xc3\xa4", "1234567");
    label_becomes("123456\xc3\xa4z", "123456\xc3\xa4");
    label_becomes("12345\xf0\x9f\x98\x80", "12345");
    label_becomes("1234\xf0\x9f\x98\x80", "1234\xf0\x9f\x98\x80");
}

static void
bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    label_becomes("a\xff"
                  "b",
                  "a\xef\xbf\xbd"
                  "b");
    label_becomes("a\xc3", "a\xef\xbf\xbd");
    label_becomes("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");     /* overlong / */
    label_becomes("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd"); /* cut: 3 * 3 > 8 */
    label_becomes("1\xf4\x90\x80\x80", "1\xef\xbf\xbd\xef\xbf\xbd"); /* > U+10FFFF */
    label_becomes("123456\xff", "123456");                           /* does not fit */
    label_becomes("\xf4\x8f\xbf\xbf\xed\x9f\xbf", "\xf4\x8f\xbf\xbf\xed\x9f\xbf");
    label_becomes("\xef\xbf\xbe", "\xef\xbf\xbe");
    label_becomes("\x01\n\"\\", "\x01\n\"\\"); /* escaping is not done here */
}

static void
duplicates_are_dropped_and_counted(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    samples_add(samples, &one, 1, LABELS("x"));
    samples_add(samples, &one, 2, LABELS("x"));
    samples_add(samples, &other, 3, LABELS("x"));
    samples_add(samples, &one, 4, LABELS("12345678-a"));
    samples_add(samples, &one, 5, LABELS("12345678-b")); /* the same once cut */
    samples_add(samples, &pair, 6, LABELS("a", "bc"));
    samples_add(samples, &pair, 7, LABELS("ab", "c"));
    samples_add(samples, &bare, 8, NO_LABELS);
    samples_add(samples, &bare, 9, NO_LABELS);
    assert_int_equal(samples_count(samples), 6);
    assert_int_equal(samples_dropped(samples), 3);
    assert_true(samples_at(samples, 0).value == 1); /* the first stays */
    samples_free(samples);
}

static void
a_fact_stated_twice_is_no_loss(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    samples_add_once(samples, &one, 1, LABELS("x"));
    samples_add_once(samples, &one, 1, LABELS("x"));
    assert_int_equal(samples_dropped(samples), 0);
    samples_add_once(samples, &one, 2, LABELS("x"));
    assert_int_equal(samples_dropped(samples), 1);
    assert_int_equal(samples_count(samples), 1);
    samples_free(samples);
}

static void
values_that_are_not_finite_are_dropped(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    samples_add(samples, &one, (double)NAN, LABELS("a"));
    samples_add(samples, &one, (double)INFINITY, LABELS("b"));
    samples_add(samples, &one, -(double)INFINITY, LABELS("c"));
    assert_int_equal(samples_count(samples), 0);
    assert_int_equal(samples_dropped(samples), 3);
    samples_free(samples);
}

static void
past_the_limit_the_rest_is_dropped(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 150; i++) {
            char label[16];

            (void)snprintf(label, sizeof(label), "%d", i);
            samples_add(samples, &one, i, LABELS(label));
        }
        assert_int_equal(samples_count(samples), 100);
        assert_int_equal(samples_dropped(samples), 50);
        assert_string_equal(samples_at(samples, 99).label_values[0], "99");
        samples_clear(samples);
        assert_int_equal(samples_count(samples), 0);
        assert_int_equal(samples_dropped(samples), 0);
    }
    samples_free(samples);
}

static void
a_restart_takes_new_limits(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    for (size_t series_max = 1000; series_max >= 1; series_max /= 10) {
        const struct samples_limits narrow = {.series_max = series_max,
                                              .label_bytes_max = 2};

        samples_restart(samples, &narrow);
        assert_int_equal(samples_count(samples), 0);
        assert_int_equal(samples_dropped(samples), 0);
        for (int i = 0; i < 1001; i++) {
            char label[16];

            (void)snprintf(label, sizeof(label), "%c%c%d", 'A' + i % 32, 'A' + i / 32,
                           i);
            samples_add(samples, &one, i, LABELS(label));
        }
        assert_int_equal(samples_count(samples), series_max);
        assert_int_equal(samples_dropped(samples), 1001 - series_max);
        assert_string_equal(samples_at(samples, 0).label_values[0], "AA");
    }
    samples_free(samples);
}

/* Blocks of memory fill, are skipped and given back; nothing already kept may change.
 */
static void
kept_labels_survive_growth_and_repeats(void **state)
{
    (void)state;
    static char text[9001];
    struct samples_limits wide = {.series_max = 500, .label_bytes_max = 9000};
    struct samples *samples = samples_new(&wide);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            size_t length = (size_t)(i * 7919 % 9000);

            memset(text, 'a' + i % 26, length);
            (void)snprintf(text + length, sizeof(text) - length, "%d", i);
            samples_add(samples, &one, i, LABELS(text));
            samples_add(samples, &one, i, LABELS(text));
        }
        assert_int_equal(samples_count(samples), 500);
        assert_int_equal(samples_dropped(samples), 500);
        for (int i = 0; i < 500; i++) {
            size_t length = (size_t)(i * 7919 % 9000);

            memset(text, 'a' + i % 26, length);
            (void)snprintf(text + length, sizeof(text) - length, "%d", i);
            assert_string_equal(samples_at(samples, (size_t)i).label_values[0], text);
        }
        samples_clear(samples);
    }
    samples_free(samples);
}

/* Would take minutes were it quadratic. */
static void
many_entries_take_linear_time(void **state)
{
    (void)state;
    struct samples_limits wide = {.series_max = 200000, .label_bytes_max = 256};
    struct samples *samples = samples_new(&wide);
    for (int i = 0; i < 200000; i++) {
        char label[16];

        (void)snprintf(label, sizeof(label), "%d", i / 2);
        samples_add(samples, &one, i, LABELS(label));
    }
    assert_int_equal(samples_count(samples), 100000);
    assert_int_equal(samples_dropped(samples), 100000);
    samples_free(samples);
    samples_free(NULL);
}

static bool
is_not(void *hash, uint64_t of)
{
    return *(const uint64_t *)hash != of;
}

static void
what_is_not_retained_is_dropped_and_may_come_again(void **state)
{
    struct samples *samples = samples_new(&limits);

    (void)state;
    samples_add(samples, &one, 1, LABELS("x"));
    samples_add(samples, &one, 2, LABELS("y"));
    samples_add(samples, &other, 3, LABELS("x"));
    uint64_t hash = samples_hash_at(samples, 0);

    assert_int_not_equal(hash, samples_hash_at(samples, 1));
    assert_int_not_equal(hash, samples_hash_at(samples, 2));
    samples_retain(samples, is_not, &hash);
    assert_int_equal(samples_count(samples), 2);
    assert_int_equal(samples_dropped(samples), 1);
    assert_true(samples_at(samples, 0).value == 2);
    samples_add(samples, &one, 4, LABELS("y")); /* is there */
    samples_add(samples, &one, 5, LABELS("x")); /* is not */
    assert_int_equal(samples_count(samples), 3);
    assert_int_equal(samples_dropped(samples), 2);
    assert_int_equal(samples_hash_at(samples, 2), hash);
    samples_free(samples);
}

static void
what_a_profile_does_not_show_is_not_counted(void **state)
{
    static const struct metric essential = {.name = "a", .essential = true},
                               usual = {.name = "b"},
                               detail = {.name = "c", .detail = true};
    static const struct {
        enum metric_profile profile;
        size_t count;
    } rows[] = {{PROFILE_FULL, 3}, {PROFILE_DEFAULT, 2}, {PROFILE_MINIMAL, 1}};
    struct samples *samples = samples_new(&limits);

    (void)state;
    samples_add(samples, &detail, 1, NO_LABELS);
    samples_add(samples, &usual, 2, NO_LABELS);
    samples_add(samples, &essential, 3, NO_LABELS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        samples_show(samples, rows[i].profile);
        assert_int_equal(samples_count(samples), rows[i].count);
        assert_int_equal(samples_dropped(samples), 0);
    }
    assert_ptr_equal(samples_at(samples, 0).metric, &essential);
    samples_add(samples, &usual, 4, NO_LABELS); /* may come again */
    assert_int_equal(samples_count(samples), 2);
    samples_free(samples);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_retained_is_dropped_and_may_come_again),
        cmocka_unit_test(samples_are_kept_in_order_with_copied_labels),
        cmocka_unit_test(long_labels_are_cut_at_a_character),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(duplicates_are_dropped_and_counted),
        cmocka_unit_test(a_fact_stated_twice_is_no_loss),
        cmocka_unit_test(values_that_are_not_finite_are_dropped),
        cmocka_unit_test(past_the_limit_the_rest_is_dropped),
        cmocka_unit_test(a_restart_takes_new_limits),
        cmocka_unit_test(kept_labels_survive_growth_and_repeats),
        cmocka_unit_test(many_entries_take_linear_time),
        cmocka_unit_test(what_a_profile_does_not_show_is_not_counted),
    };

    return cmocka_run_group_tests_name("samples", tests, NULL, NULL);
}
