/* The page of one guest. */
#include "pages/guest.h"
#include "pages/html.h"
#include "pages/rows.h"
#include "world.h"

static struct text
page_of(struct store *store, const char *domain)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct view *view = store_view(store, 0);
    const struct view_guest *guest = row_find(view, domain, "");

    assert_non_null(guest);
    guest_page(&text, view, guest, WORLD_NOW_S);
    view_free(view);
    return text;
}

static void
it_is_as_it_was_read(void **state)
{
    struct text page = page_of(*state, "web-1");

    world_expect_golden(&page, "guest.html");
    text_free(&page);
}

static void
hostile_words_are_only_words(void **state)
{
    struct text page = page_of(*state, HOSTILE_NAME);

    world_expect_golden(&page, "guest-hostile.html");
    text_free(&page);
}

static void
what_helps_stands_there(void **state)
{
    struct text page = page_of(*state, "lost");

    world_expect_golden(&page, "guest-lost.html");
    text_free(&page);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_as_it_was_read),
        CASE(hostile_words_are_only_words),
        CASE(what_helps_stands_there),
    };

    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
