/* Which guests, and in which order. */
#include "pages/query.h"
#include "pages/rows.h"
#include "world.h"

/* `names`: those that are listed, with a blank behind each. */
static void
list_is(struct store *store, const char *const *parameters, const char *names)
{
    struct text found = TEXT_INIT(1 << 16);
    struct pages_query query;
    struct view *view = store_view(store, 0);

    pages_query_init(&query, world_states);
    for (; *parameters; parameters += 2)
        pages_query_add(&query, parameters[0], parameters[1]);
    struct rows rows = rows_of(view, &query);

    text_add_string(&found, "");
    for (size_t i = 0; i < rows.count; i++) {
        const char *domain = rows.rows[i].guest->note->domain;

        text_add_format(&found, "%s ",
                        strcmp(domain, HOSTILE_NAME) == 0 ? "hostile" : domain);
    }
    assert_string_equal(found.bytes, names);
    assert_int_equal(rows.guests_count, 4);
    text_free(&found);
    rows_free(&rows);
    view_free(view);
}
#define PARAMETERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
they_are_filtered(void **state)
{
    list_is(*state, PARAMETERS("state", "disconnected"), "lost ");
    list_is(*state, PARAMETERS("state", "frozen"), "");
    list_is(*state, PARAMETERS("q", "WEB"), "web-1 ");
    list_is(*state, PARAMETERS("q", "debian gnu"), "web-1 ");
    list_is(*state, PARAMETERS("q", "192.0.2."), "hostile long web-1 ");
    list_is(*state, PARAMETERS("q", "8eb0f9fd", "state", "responsive"),
            "hostile long web-1 ");
}

static void
what_is_not_known_comes_last_in_either_order(void **state)
{
    list_is(*state, PARAMETERS("sort", "name"), "hostile long lost web-1 ");
    list_is(*state, PARAMETERS("sort", "-name"), "web-1 lost long hostile ");
    list_is(*state, PARAMETERS("sort", "filesystem"), "long hostile web-1 lost ");
    list_is(*state, PARAMETERS("sort", "-filesystem"), "web-1 hostile long lost ");
    list_is(*state, PARAMETERS("sort", "answer"), "hostile long web-1 lost ");
    list_is(*state, PARAMETERS("sort", "-clock"), "hostile long web-1 lost ");
    list_is(*state, PARAMETERS("sort", "state"), "lost hostile long web-1 ");
    list_is(*state, PARAMETERS("sort", "system"), "hostile web-1 long lost ");
    list_is(*state, PARAMETERS("sort", "-agent"), "long web-1 hostile lost ");
}

static void
a_row_says_what_the_series_say(void **state)
{
    struct view *view = store_view(*state, 0);
    struct row row = row_of(view, row_find(view, "web-1", ""));

    assert_string_equal(row.system, "Debian GNU/Linux 12");
    assert_true(row.clock.is_known);
    assert_true(row.clock.offset_s == -0.015625 &&
                row.clock.uncertainty_s == 0.0009765625);
    assert_string_equal(row.fullest.mount_point, "Debian GNU/Linux 12");
    assert_true(row.fullest.used_ratio == 0.9375);
    assert_true(row.answered_s == WORLD_NOW_S - 12);
    row_clear(&row);
    view_free(view);
}

static void
a_name_that_is_twice_needs_its_source(void **state)
{
    struct guest_note *note = world_note("web-1", "frozen");

    free(note->source);
    note->source = memory_string("other");
    store_describe(*state, store_guest_add(*state, "other"), note);
    struct view *view = store_view(*state, 0);

    assert_null(row_find(view, "web-1", ""));
    assert_non_null(row_find(view, "web-1", "other"));
    assert_null(row_find(view, "web-1", "none"));
    assert_null(row_find(view, "web-2", ""));
    view_free(view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(they_are_filtered),
        CASE(what_is_not_known_comes_last_in_either_order),
        CASE(a_row_says_what_the_series_say),
        CASE(a_name_that_is_twice_needs_its_source),
    };

    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
