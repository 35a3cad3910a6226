/* The JSON: its keys stay. */
#include "pages/api.h"
#include "pages/html.h"
#include "pages/query.h"
#include "pages/rows.h"
#include "world.h"

#include <jansson.h>

static void
the_list_is_as_it_was_read(void **state)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct pages_query query;
    struct view *view = store_view(*state, 0);

    pages_query_init(&query, world_states);
    struct rows rows = rows_of(view, &query);

    api_guests(&text, view, &rows);
    world_expect_golden(&text, "guests.json");
    json_t *list = json_loads(text.bytes, 0, NULL);

    assert_non_null(list);
    assert_int_equal(json_array_size(json_object_get(list, "guests")), 4);
    json_decref(list);
    rows_free(&rows);
    view_free(view);
    text_free(&text);
}

static void
a_guest_is_as_it_was_read(void **state)
{
    static const struct {
        const char *domain, *golden;
    } guests[] = {{"web-1", "guest.json"}, {"lost", "guest-lost.json"}};
    struct view *view = store_view(*state, 0);

    for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
        struct text text = TEXT_INIT(PAGES_BYTES_MAX);

        api_guest(&text, view, row_find(view, guests[i].domain, ""));
        world_expect_golden(&text, guests[i].golden);
        text_free(&text);
    }
    view_free(view);
}

static void
what_is_no_utf8_is_mended(void **state)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);

    world_add_lost(*state, "a\xff", "b");
    struct view *view = store_view(*state, 0);

    api_guest(&text, view, row_find(view, "a\xff", ""));
    assert_non_null(strstr(text.bytes, "\"domain\": \"a\xef\xbf\xbd\""));
    view_free(view);
    text_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_list_is_as_it_was_read),
        CASE(a_guest_is_as_it_was_read),
        CASE(what_is_no_utf8_is_mended),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
