/* Fragments put together: families whole and in order, with their headers. */
#include "store/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct metric up = {.name = "up", .help = "Up."};
static const struct metric size = {.name = "size", .help = "Size."};
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
families_stand_together(void **state)
{
    struct body_slot slots[2] = {{0}, {0}};
    struct fragment *fragments[] = {
        fragment_of("d=\"a\"", families, &up, &size),
        fragment_of("d=\"b\"", families, &up, NULL),
        fragment_of("d=\"b\"", clock_families, &clock_offset, NULL),
    };
    const size_t ends[] = {2, 3};
    struct text trailer = TEXT_INIT(100);

    (void)state;
    text_add_string(&trailer, "# end\n");
    body_slot_init(&slots[0], families);
    body_slot_init(&slots[1], clock_families);
    struct body *body = body_new(slots, 2, fragments, ends, &trailer);
    static const char expected[] =
        HEADER("up", "Up.") "up{d=\"a\"} 1\nup{d=\"b\"} 1\n" HEADER(
            "size",
            "Size.") "size{d=\"a\"} 2\n" HEADER("offset",
                                                "Offset.") "offset{d=\"b\"} 1\n# end\n";

    assert_int_equal(body->length, strlen(expected));
    assert_memory_equal(body->bytes, expected, body->length);
    assert_ptr_equal(body_ref(body), body);
    body_unref(body);
    assert_memory_equal(body->bytes, expected, body->length); /* one is left */
    body_unref(body);
    body_unref(NULL);
    for (size_t i = 0; i < 3; i++)
        fragment_unref(fragments[i]);
    for (size_t i = 0; i < 2; i++)
        body_slot_clear(&slots[i]);
    text_free(&trailer);
}

static void
what_has_no_series_has_no_header(void **state)
{
    struct body_slot slot = {0};
    struct fragment *fragment = fragment_of("d=\"a\"", families, NULL, NULL);
    const size_t none = 0, one = 1;
    const struct text trailer = TEXT_INIT(100);

    (void)state;
    body_slot_init(&slot, families);
    struct body *body = body_new(&slot, 1, &fragment, &one, &trailer);

    assert_int_equal(body->length, 0);
    body_unref(body);
    body = body_new(&slot, 1, NULL, &none, &trailer);
    assert_int_equal(body->length, 0);
    body_unref(body);
    body = body_new(NULL, 0, NULL, NULL, &trailer);
    assert_int_equal(body->length, 0);
    body_unref(body);
    fragment_unref(fragment);
    body_slot_clear(&slot);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_stand_together),
        cmocka_unit_test(what_has_no_series_has_no_header),
    };

    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
