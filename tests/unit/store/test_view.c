/* What pages are made of: all of one moment, which stays as it was. */
#include "base/text.h"
#include "kit/memory.h"
#include "store/body.h"
#include "store/note.h"
#include "store/store.h"
#include "store/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct metric up = {.name = "qga_up", .help = ""};
static const struct metric load = {.name = "qga_load", .help = "", .labels = {"of"}};
static const struct metric *const health[] = {&up, NULL};
static const struct metric *const loads[] = {&up, &load, NULL};
static const struct store_part parts[] = {{"health", health, NULL},
                                          {"load", loads, NULL}};

static void
put(struct store *store, struct store_guest *guest, size_t part,
    const struct metric *metric, double value, int64_t expires_ns)
{
    const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};
    struct samples *samples = samples_new(&limits);

    samples_add(samples, metric, value, metric == &load ? LABELS("cpu") : NO_LABELS);
    store_put(store, guest, part,
              exposition_render("domain=\"a\"", parts[part].families, samples),
              expires_ns);
    samples_free(samples);
}

static struct guest_note *
note_of(const char *domain)
{
    struct guest_note *note = guest_note_new();

    note->domain = memory_string(domain);
    return note;
}

/* -1: there is none. */
static double
value_of(const struct view *view, size_t guest, const char *family)
{
    struct series_reader reader =
        view_series(&view->guests[guest], view_family(view, family));
    struct series series;
    double value = series_next(&reader, &series) ? series.value : -1;

    series_end(&reader);
    return value;
}

static void
it_stays_as_it_was(void **state)
{
    struct store *store = store_new(parts, 2, NULL);
    struct store_guest *b = store_guest_add(store, "b");
    struct store_guest *a = store_guest_add(store, "a");
    struct store_guest *not_described = store_guest_add(store, "c");

    (void)state;
    store_describe(store, b, note_of("b"));
    store_describe(store, a, note_of("a"));
    put(store, a, 0, &up, 1, INT64_MAX);
    put(store, a, 1, &load, 5, 100);
    put(store, not_described, 0, &up, 1, INT64_MAX);
    struct view *view = store_view(store, 99);
    struct view *later = store_view(store, 100);

    store_describe(store, a, note_of("another"));
    put(store, a, 0, &up, 0, INT64_MAX);
    store_guest_remove(store, b);
    assert_int_equal(view->guests_count, 2);
    assert_string_equal(view->guests[0].note->domain, "a");
    assert_string_equal(view->guests[1].note->domain, "b");
    assert_true(value_of(view, 0, "qga_up") == 1);
    assert_true(value_of(view, 0, "qga_load") == 5);
    assert_true(value_of(view, 1, "qga_up") == -1);
    assert_true(value_of(view, 0, "qga_nothing") == -1);
    assert_true(value_of(later, 0, "qga_load") == -1); /* it has expired */
    view_free(view);
    view_free(later);
    view = store_view(store, 0);
    assert_int_equal(view->guests_count, 1);
    assert_string_equal(view->guests[0].note->domain, "another");
    assert_true(value_of(view, 0, "qga_up") == 0);
    view_free(view);
    store_free(store);
}

static void
what_nobody_keeps_is_said_to_be_old(void **state)
{
    struct store *store = store_new(parts, 2, NULL);
    struct store_guest *guest = store_guest_add(store, "a");

    (void)state;
    store_describe(store, guest, note_of("a"));
    put(store, guest, 0, &up, 1, INT64_MAX);
    store_set_incomplete(store, NULL);
    store_turned(store, 0);
    struct view *view = store_view(store, STORE_PATIENCE_NS - 1);

    assert_null(view->incomplete);
    assert_true(value_of(view, 0, "qga_up") == 1);
    view_free(view);
    view = store_view(store, STORE_PATIENCE_NS);
    assert_non_null(strstr(view->incomplete, "stands still"));
    assert_true(value_of(view, 0, "qga_up") == -1);
    view_free(view);
    store_free(store);
}

static void
sources_are_those_of_last_time(void **state)
{
    struct store *store = store_new(parts, 2, NULL);
    struct sources_note *sources = sources_note_new();
    struct view *view = store_view(store, 0);

    (void)state;
    assert_null(view->sources);
    assert_non_null(view->incomplete);
    view_free(view);
    sources_note_add(sources)->name = memory_string("here");
    store_describe_sources(store, sources);
    view = store_view(store, 0);
    store_describe_sources(store, sources_note_new());
    store_free(store);
    assert_string_equal(view->sources->sources[0].name, "here");
    view->parts_count = 0; /* the store's */
    view_free(view);
}

static void
slow_readers_get_no_more_pages(void **state)
{
    enum { PAGES = 12 };
    struct store *store = store_new(parts, 2, NULL);
    struct body *pages[PAGES];
    size_t made = 0;

    (void)state;
    for (size_t i = 0; i < PAGES; i++) {
        struct text text = TEXT_INIT((size_t)1 << 21);

        memset(text_reserve(&text, (1 << 20) - 1), 'a', 1 << 20);
        text_added(&text, text.bytes + (1 << 20) - 1);
        pages[i] = store_page(store, &text);
        made += pages[i] ? 1 : 0;
    }
    assert_int_equal(made, 9); /* more than 8 MiB are held */
    for (size_t i = 0; i < PAGES; i++)
        body_unref(pages[i]);
    store_free(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_as_it_was),
        cmocka_unit_test(what_nobody_keeps_is_said_to_be_old),
        cmocka_unit_test(sources_are_those_of_last_time),
        cmocka_unit_test(slow_readers_get_no_more_pages),
    };

    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
