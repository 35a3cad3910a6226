/* The list of guests. */
#include "pages/html.h"
#include "pages/list.h"
#include "pages/query.h"
#include "pages/rows.h"
#include "world.h"

static struct text
list_of(struct store *store, const char *const *parameters)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct pages_query query;
    struct view *view = store_view(store, 0);

    pages_query_init(&query, world_states);
    for (; parameters && *parameters; parameters += 2)
        pages_query_add(&query, parameters[0], parameters[1]);
    assert_string_equal(query.problem, "");
    struct rows rows = rows_of(view, &query);

    list_page(&text, view, &rows, &query, WORLD_NOW_S);
    rows_free(&rows);
    view_free(view);
    return text;
}

static void
it_is_as_it_was_read(void **state)
{
    struct text page = list_of(*state, NULL);

    world_expect_golden(&page, "guests.html");
    text_free(&page);
}

static void
what_is_asked_for_is_kept_in_its_links(void **state)
{
    struct text page =
        list_of(*state, (const char *const[]){"q", "a&b\"", "state", "frozen", "sort",
                                              "-clock", NULL});

    world_expect_golden(&page, "guests-none.html");
    text_free(&page);
}

static size_t
count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static void
a_page_has_a_thousand_and_leads_to_the_next(void **state)
{
    char name[32];

    for (int i = 0; i < 1200; i++) {
        (void)snprintf(name, sizeof(name), "vm-%04d", i);
        world_add_lost(*state, name, "it is away");
    }
    struct text first = list_of(*state, NULL);
    struct text second = list_of(*state, (const char *const[]){"page", "2", NULL});

    assert_int_equal(count_of(first.bytes, "<th scope=\"row\">"), PAGES_ROWS);
    assert_non_null(strstr(first.bytes, "<a rel=\"next\" href=\"/guests?sort=name&amp;"
                                        "page=2\">"));
    assert_null(strstr(first.bytes, "rel=\"prev\""));
    assert_int_equal(count_of(second.bytes, "<th scope=\"row\">"), 204);
    assert_non_null(
        strstr(second.bytes, "<a rel=\"prev\" href=\"/guests?sort=name\">"));
    assert_null(strstr(second.bytes, "rel=\"next\""));
    text_free(&first);
    text_free(&second);
}

static void
it_says_if_guests_may_be_lacking(void **state)
{
    store_set_incomplete(*state, "a source is away");
    struct text page = list_of(*state, NULL);

    assert_non_null(strstr(page.bytes, "Guests may be lacking: a source is away.</p>"));
    text_free(&page);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_as_it_was_read),
        CASE(what_is_asked_for_is_kept_in_its_links),
        CASE(a_page_has_a_thousand_and_leads_to_the_next),
        CASE(it_says_if_guests_may_be_lacking),
    };

    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
