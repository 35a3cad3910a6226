/* What the series say of one guest. */
#include "pages/detail.h"
#include "pages/rows.h"
#include "world.h"

static void
series_are_put_beside_each_other(void **state)
{
    struct view *view = store_view(*state, 0);
    struct detail detail = detail_of(view, row_find(view, "web-1", ""));

    assert_int_equal(detail.collectors_count, 2);
    assert_string_equal(detail.collectors[0].note->name, "clock");
    assert_true(detail.collectors[0].data_s == WORLD_NOW_S - 12);
    assert_true(detail.collectors[0].took_s == 0.001953125);
    assert_int_equal(detail.collectors[0].dropped, 3);
    assert_true(detail.collectors[1].data_s == 0);
    assert_int_equal(detail.filesystems_count, 2);
    assert_string_equal(detail.filesystems[0].mount_point, "/boot");
    assert_true(detail.filesystems[0].size_bytes == 100);
    assert_true(detail.filesystems[0].avail_bytes == 99);
    assert_true(detail.calls == 1234);
    assert_string_equal(detail.title, "Debian GNU/Linux 12");
    detail_free(&detail);
    view_free(view);
}

static void
a_guest_without_series_has_none(void **state)
{
    struct view *view = store_view(*state, 0);
    struct detail detail = detail_of(view, row_find(view, "lost", ""));

    assert_int_equal(detail.collectors_count, 2);
    assert_int_equal(detail.filesystems_count, 0);
    assert_true(detail.calls == 0);
    assert_string_equal(detail.title, "");
    detail_free(&detail);
    view_free(view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(series_are_put_beside_each_other),
        CASE(a_guest_without_series_has_none),
    };

    return cmocka_run_group_tests_name("detail", tests, NULL, NULL);
}
