/* How long a body serves, and what slow readers may hold. */
#include "store/body_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define MUCH ((size_t)10 << 20)

static const struct body_form text = {EXPOSITION_TEXT, BODY_PLAIN};
static const struct body_form gzip = {EXPOSITION_TEXT, BODY_GZIP};

static int
set_up(void **state)
{
    *state = body_cache_new();
    return 0;
}

static int
tear_down(void **state)
{
    body_cache_free(*state);
    return 0;
}

/* One that says of itself that it is so long; the caller has a reference. */
static struct body *
add(struct body_cache *cache, size_t length)
{
    struct body *body =
        body_new(&(struct body_recipe){.format = EXPOSITION_TEXT}, NULL);

    body->length = length;
    body_cache_add(cache, body, length);
    return body;
}

static struct body *
keep(struct body_cache *cache, struct body_form form, uint64_t generation,
     int64_t made_ns)
{
    struct body *body = add(cache, MUCH);
    const struct body_age age = {generation, made_ns, made_ns + 10 * S};

    body_unref(body_cache_clear(cache, form, made_ns));
    body_cache_keep(cache, form, body, &age);
    return body;
}

/* `expected` NULL: there is none. */
static void
is(struct body *got, const struct body *expected)
{
    assert_ptr_equal(got, expected);
    body_unref(got);
}

static void
a_body_serves_until_something_changes(void **state)
{
    struct body_cache *cache = *state;
    struct body *body = keep(cache, text, 7, 0);
    const struct body_age soon = {7, 0, S / 2};

    is(body_cache_get(cache, text, 7, S), body);
    is(body_cache_get(cache, text, 7, S + 1), NULL);
    is(body_cache_get(cache, text, 8, 0), NULL);
    is(body_cache_get(cache, gzip, 7, 0), NULL);
    body_unref(body_cache_clear(cache, text, 0));
    body_cache_keep(cache, text, body, &soon);
    is(body_cache_get(cache, text, 7, S / 2 - 1), body);
    is(body_cache_get(cache, text, 7, S / 2), NULL);
    is(body_cache_get_older(cache, text, 5 * S), body);
    is(body_cache_get_older(cache, text, 5 * S + 1), NULL);
    is(body_cache_get_older(cache, gzip, 0), NULL);
    body_unref(body);
}

static void
what_is_too_old_for_anybody_is_let_go(void **state)
{
    struct body_cache *cache = *state;
    struct body *one = keep(cache, text, 1, 0), *two = keep(cache, gzip, 2, 5 * S);

    assert_int_equal(atomic_load(&one->references), 2); /* it would serve yet */
    body_unref(two);
    two = keep(cache, gzip, 3, 5 * S + 1);
    assert_int_equal(atomic_load(&one->references), 1);
    assert_int_equal(atomic_load(&two->references), 2);
    body_unref(one);
    body_unref(two);
}

static void
what_is_cleared_serves_nobody(void **state)
{
    struct body_cache *cache = *state;
    struct body *one = keep(cache, text, 1, 0), *other = keep(cache, gzip, 1, 0);

    other->room = one->room + 1;
    is(body_cache_clear(cache, text, S), one); /* the other would serve yet */
    is(body_cache_get_older(cache, text, 0), NULL);
    is(body_cache_get(cache, gzip, 1, 0), other);
    is(body_cache_clear(cache, text, S), NULL);
    body_unref(one);
    body_unref(other);
}

/* Of several that are too old. */
static void
the_largest_is_handed_on(void **state)
{
    struct body_cache *cache = *state;
    struct body *one = keep(cache, text, 1, 0), *other = keep(cache, gzip, 1, 0);

    other->room = one->room + 1;
    is(body_cache_clear(cache, text, 6 * S), other);
    assert_int_equal(atomic_load(&one->references), 1);
    assert_int_equal(atomic_load(&other->references), 1);
    body_unref(one);
    body_unref(other);
}

/* Whatever else there is; and the larger one of two. */
static void
what_was_compressed_is_written_over(void **state)
{
    struct body_cache *cache = *state;
    struct body *small = body_new(&(struct body_recipe){0}, NULL);
    struct body *large = body_new(&(struct body_recipe){0}, NULL), *other;

    large->room = small->room + 1;
    body_cache_recycle(cache, small);
    body_cache_recycle(cache, large);
    body_cache_recycle(cache, body_new(&(struct body_recipe){0}, NULL));
    other = keep(cache, text, 1, 0);
    is(body_cache_clear(cache, text, 0), other);
    is(body_cache_clear(cache, gzip, 0), large);
    is(body_cache_clear(cache, gzip, 0), NULL);
    body_unref(other);
}

static void
slow_readers_hold_one_body_beside_the_last(void **state)
{
    struct body_cache *cache = *state;
    struct body *first = keep(cache, text, 1, 0), *second, *third;

    assert_true(body_cache_has_room(cache));
    second = keep(cache, text, 2, 0);
    assert_true(body_cache_has_room(cache));
    third = keep(cache, text, 3, 0);
    assert_false(shelf_is_unwanted(&first->place));
    assert_false(body_cache_has_room(cache));
    assert_true(shelf_is_unwanted(&first->place));
    assert_false(shelf_is_unwanted(&second->place));
    body_unref(first);
    assert_true(body_cache_has_room(cache));
    body_unref(second);
    body_unref(third);
}

/* Where all is small, nobody is cut off for it. */
static void
there_is_room_for_some_small_ones(void **state)
{
    struct body_cache *cache = *state;
    struct body *bodies[9];

    for (size_t i = 0; i < 9; i++) {
        assert_true(body_cache_has_room(cache));
        bodies[i] = add(cache, (size_t)1 << 20);
    }
    assert_false(body_cache_has_room(cache));
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(shelf_is_unwanted(&bodies[i]->place), i == 0);
        body_unref(bodies[i]);
    }
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_body_serves_until_something_changes),
        CASE(what_is_too_old_for_anybody_is_let_go),
        CASE(what_is_cleared_serves_nobody),
        CASE(the_largest_is_handed_on),
        CASE(what_was_compressed_is_written_over),
        CASE(slow_readers_hold_one_body_beside_the_last),
        CASE(there_is_room_for_some_small_ones),
    };

    return cmocka_run_group_tests_name("body cache", tests, NULL, NULL);
}
