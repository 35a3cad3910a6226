/* Fragments put together: families whole and in order, with their headers. */
#include "store/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct metric up = {.name = "up", .help = "Up."};
static const struct metric size = {.name = "size_bytes", .help = "Size."};
static const struct metric *const families[] = {&up, &size, NULL};
static const struct metric clock_offset = {.name = "offset", .help = "Offset."};
static const struct metric *const clock_families[] = {&clock_offset, NULL};
static const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};

#define HEADER(name, help) "# HELP " name " " help "\n# TYPE " name " gauge\n"

/* With a sample of each metric given. */
static struct fragment *
fragment_of(const char *identity, const struct metric *const *of,
            const struct metric *one, const struct metric *two)
{
    struct samples *samples = samples_new(&limits);

    if (one)
        samples_add(samples, one, 1, NO_LABELS);
    if (two)
        samples_add(samples, two, 2, NO_LABELS);
    struct fragment *fragment = exposition_render(identity, of, samples);

    samples_free(samples);
    return fragment;
}

static void
body_is(const struct body_recipe *recipe, const char *expected)
{
    struct body *body = body_new(recipe, NULL);
    char *text = strndup(body->bytes, body->length);

    assert_string_equal(text, expected);
    free(text);
    body_unref(body);
}

/* Two slots of three fragments. */
struct kitchen {
    struct body_slot slots[2];
    struct fragment *fragments[3];
    size_t ends[2];
};

static int
set_up(void **state)
{
    static struct kitchen kitchen;

    kitchen = (struct kitchen){
        .fragments = {fragment_of("d=\"a\"", families, &up, &size),
                      fragment_of("d=\"b\"", families, &up, NULL),
                      fragment_of("d=\"b\"", clock_families, &clock_offset, NULL)},
        .ends = {2, 3},
    };
    body_slot_init(&kitchen.slots[0], families);
    body_slot_init(&kitchen.slots[1], clock_families);
    *state = &kitchen;
    return 0;
}

static int
tear_down(void **state)
{
    struct kitchen *kitchen = *state;

    for (size_t i = 0; i < 3; i++)
        fragment_unref(kitchen->fragments[i]);
    for (size_t i = 0; i < 2; i++)
        body_slot_clear(&kitchen->slots[i]);
    return 0;
}

static struct body_recipe
recipe_of(const struct kitchen *kitchen)
{
    return (struct body_recipe){.slots = kitchen->slots,
                                .slots_count = 2,
                                .fragments = kitchen->fragments,
                                .slot_ends = kitchen->ends};
}

#define UP_SERIES "up{d=\"a\"} 1\nup{d=\"b\"} 1\n"
#define SIZE_SERIES "size_bytes{d=\"a\"} 2\n"
#define OFFSET_SERIES "offset{d=\"b\"} 1\n"

static void
families_stand_together(void **state)
{
    struct body_recipe recipe = recipe_of(*state);
    struct body *body;

    body_is(&recipe, HEADER("up", "Up.") UP_SERIES HEADER("size_bytes", "Size.")
                         SIZE_SERIES HEADER("offset", "Offset.") OFFSET_SERIES);
    body = body_new(&recipe, NULL);
    assert_ptr_equal(body_ref(body), body);
    body_unref(body);
    assert_memory_equal(body->bytes, "# HELP up", 9); /* one is left */
    body_unref(body);
    body_unref(NULL);
}

static void
formats_differ_in_headers_and_the_end(void **state)
{
    struct body_recipe recipe = recipe_of(*state);

    recipe.format = EXPOSITION_OPENMETRICS;
    body_is(&recipe,
            "# TYPE up gauge\n# HELP up Up.\n" UP_SERIES
            "# TYPE size_bytes gauge\n# UNIT size_bytes bytes\n"
            "# HELP size_bytes Size.\n" SIZE_SERIES
            "# TYPE offset gauge\n# HELP offset Offset.\n" OFFSET_SERIES "# EOF\n");
}

static void
what_is_not_wanted_is_left_out_with_its_header(void **state)
{
    struct body_recipe recipe = recipe_of(*state);

    recipe.wanted = (const bool[]){false, true, false};
    body_is(&recipe, HEADER("size_bytes", "Size.") SIZE_SERIES);
    recipe.wanted = (const bool[]){true, false, true};
    body_is(&recipe,
            HEADER("up", "Up.") UP_SERIES HEADER("offset", "Offset.") OFFSET_SERIES);
    recipe.format = EXPOSITION_OPENMETRICS;
    recipe.wanted = (const bool[]){false, false, false};
    body_is(&recipe, "# EOF\n");
}

static void
what_has_no_series_has_no_header(void **state)
{
    struct body_recipe recipe = recipe_of(*state);
    struct fragment *fragment = fragment_of("d=\"a\"", families, NULL, NULL);
    const size_t none = 0, one = 1;

    recipe.slots_count = 1;
    recipe.fragments = &fragment;
    recipe.slot_ends = &one;
    body_is(&recipe, "");
    recipe.fragments = NULL;
    recipe.slot_ends = &none;
    body_is(&recipe, "");
    body_is(&(struct body_recipe){.slots_count = 0}, "");
    fragment_unref(fragment);
}

/* The memory of one that nobody reads any more. */
static void
memory_serves_again_if_nobody_reads_it(void **state)
{
    struct body_recipe recipe = recipe_of(*state);
    struct body *first = body_new(&recipe, NULL);
    size_t length = first->length;
    char *memory = first->bytes;

    first->room = length; /* no more than is needed */
    struct body *second = body_new(&recipe, first);

    assert_ptr_equal(second->bytes, memory);
    assert_int_equal(second->length, length);
    assert_int_equal(second->room, length);

    struct body *third = body_new(&recipe, body_ref(second));
    assert_ptr_not_equal(third->bytes, memory);
    assert_memory_equal(third->bytes, second->bytes, length);
    assert_int_equal(atomic_load(&second->references), 1);
    body_unref(second);
    body_unref(third);
}

/* One that says of itself that it has so much room: too little, or much too much. */
static void
memory_of_another_size_does_not_serve(void **state)
{
    struct body_recipe recipe = recipe_of(*state);
    struct body *body = body_new(&recipe, NULL);
    size_t length = body->length, room = body->room;

    assert_true(room > length);
    body->room = length - 1;
    body = body_new(&recipe, body);
    assert_int_equal(body->room, room);
    body->room = 2 * length;
    body = body_new(&recipe, body);
    assert_int_equal(body->room, room);
    body_unref(body);
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(families_stand_together),
        CASE(formats_differ_in_headers_and_the_end),
        CASE(what_is_not_wanted_is_left_out_with_its_header),
        CASE(what_has_no_series_has_no_header),
        CASE(memory_serves_again_if_nobody_reads_it),
        CASE(memory_of_another_size_does_not_serve),
    };

    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
