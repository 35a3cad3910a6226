/* The overview. */
#include "pages/html.h"
#include "pages/start.h"
#include "world.h"

static void
it_is_as_it_was_read(void **state)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct view *view = store_view(*state, 0);

    start_page(&text, view, world_states, "1.2.3", "/a\"b<&");
    world_expect_golden(&text, "start.html");
    text_free(&text);
    view_free(view);
}

static void
before_anything_is_known_it_says_so(void **state)
{
    struct text text = TEXT_INIT(PAGES_BYTES_MAX);
    struct store *empty = store_new(world_parts, 2, NULL);
    struct view *view = store_view(empty, 0);

    (void)state;
    start_page(&text, view, world_states, "1.2.3", "/metrics");
    assert_non_null(strstr(text.bytes, "None has been looked at yet."));
    assert_non_null(strstr(text.bytes, "<a href=\"/metrics\">Metrics</a>"));
    text_free(&text);
    view_free(view);
    store_free(empty);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_as_it_was_read),
        CASE(before_anything_is_known_it_says_so),
    };

    return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
