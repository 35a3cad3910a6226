/* Series read back from text. */
#include "store/exposition.h"
#include "store/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
what_the_exposition_writes_is_read(void **state)
{
    static const struct metric up = {.help = "", .name = "qga_up"},
                               info = {.help = "",
                                       .name = "qga_info",
                                       .labels = {"a", "b"}};
    static const struct metric *const families[] = {&up, &info, NULL};
    static const char hostile[] = "\\\"}\n{,=\\n\\";
    const struct samples_limits limits = {.series_max = 9, .label_bytes_max = 99};
    struct samples *samples = samples_new(&limits);
    struct series series;

    (void)state;
    samples_add(samples, &up, 1.5, NO_LABELS);
    samples_add(samples, &info, -2, LABELS(hostile, ""));
    char *identity = exposition_identity("web\"1", "here");
    struct fragment *fragment = exposition_render(identity, families, samples);
    struct series_reader reader = series_read(fragment->text, fragment->offsets[2]);

    assert_true(series_next(&reader, &series));
    assert_true(series.value == 1.5);
    assert_int_equal(series.labels_count, 2);
    assert_string_equal(series_label(&series, "domain"), "web\"1");
    assert_string_equal(series_label(&series, "source"), "here");
    assert_string_equal(series_label(&series, "a"), "");
    assert_true(series_next(&reader, &series));
    assert_true(series.value == -2);
    assert_string_equal(series_label(&series, "a"), hostile);
    assert_string_equal(series_label(&series, "b"), "");
    assert_false(series_next(&reader, &series));
    series_end(&reader);
    fragment_unref(fragment);
    free(identity);
    samples_free(samples);
}

static void
what_is_no_series_ends(void **state)
{
    static const char *const texts[] = {"",           "a",      "a{",      "a{b",
                                        "a{b=",       "a{b=\"", "a{b=\"c", "a{b=\"c\\",
                                        "a{b=\"c\",", "\n\n"};
    struct series series;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct series_reader reader = series_read(texts[i], strlen(texts[i]));
        size_t count = 0;

        while (series_next(&reader, &series))
            count++;
        assert_true(count <= 2);
        series_end(&reader);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_exposition_writes_is_read),
        cmocka_unit_test(what_is_no_series_ends),
    };

    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
