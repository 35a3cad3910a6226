/* Which of the things that only readers hold have to go. */
#include "store/shelf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define THINGS 4

struct shop {
    struct shelf *shelf;
    struct shelf_place places[THINGS];
};

static int
set_up(void **state)
{
    static struct shop shop;

    memset(&shop, 0, sizeof(shop));
    shop.shelf = shelf_new();
    for (size_t i = 0; i < THINGS; i++)
        shelf_put(shop.shelf, &shop.places[i], 10);
    *state = &shop;
    return 0;
}

static int
tear_down(void **state)
{
    struct shop *shop = *state;

    shelf_leave(shop->shelf); /* what is on it may be taken later */
    for (size_t i = 0; i < THINGS; i++)
        shelf_take(&shop->places[i]);
    return 0;
}

/* A letter for each thing that is not wanted. */
static void
unwanted_are(const struct shop *shop, const char *expected)
{
    char got[THINGS + 1] = "";

    for (size_t i = 0; i < THINGS; i++)
        if (shelf_is_unwanted(&shop->places[i]))
            got[strlen(got)] = "abcd"[i];
    assert_string_equal(got, expected);
}

static void
the_oldest_go_first(void **state)
{
    struct shop *shop = *state;

    assert_true(shelf_fits(shop->shelf, 40));
    unwanted_are(shop, "");
    assert_false(shelf_fits(shop->shelf, 39));
    unwanted_are(shop, "a");
    assert_false(shelf_fits(shop->shelf, 39)); /* it is there yet, and no other goes */
    unwanted_are(shop, "a");
    shelf_take(&shop->places[0]);
    shelf_take(&shop->places[0]);
    assert_true(shelf_fits(shop->shelf, 39));
    assert_false(shelf_fits(shop->shelf, 10));
    unwanted_are(shop, "abc");
}

static void
what_is_kept_does_not_count(void **state)
{
    struct shop *shop = *state;

    shelf_keep(&shop->places[0], true);
    shelf_keep(&shop->places[3], true);
    assert_true(shelf_fits(shop->shelf, 20));
    assert_false(shelf_fits(shop->shelf, 0));
    unwanted_are(shop, "bc");
    shelf_keep(&shop->places[0], false);
    assert_false(shelf_fits(shop->shelf, 20));
    unwanted_are(shop, "abc");
}

static void
places_can_be_taken_in_any_order(void **state)
{
    struct shop *shop = *state;
    struct shelf_place fifth = {.shelf = NULL};

    shelf_take(&fifth); /* on none */
    shelf_take(&shop->places[3]);
    shelf_take(&shop->places[1]);
    shelf_put(shop->shelf, &fifth, 5);
    assert_true(shelf_fits(shop->shelf, 25));
    assert_false(shelf_fits(shop->shelf, 5));
    unwanted_are(shop, "ac");
    assert_false(shelf_is_unwanted(&fifth));
    shelf_take(&fifth);
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_oldest_go_first),
        CASE(what_is_kept_does_not_count),
        CASE(places_can_be_taken_in_any_order),
    };

    return cmocka_run_group_tests_name("shelf", tests, NULL, NULL);
}
