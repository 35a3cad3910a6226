/* The text format: what is escaped, how series are sliced, and that the same samples
 * give the same bytes. */
#include "store/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct samples_limits limits = {.series_max = 1000,
                                             .label_bytes_max = 256};

static const struct metric size_bytes = {
    .name = "qga_filesystem_size_bytes",
    .type = METRIC_GAUGE,
    .labels = {"device", "mountpoint"},
    .help = "Size.",
};
static const struct metric received = {
    .name = "qga_network_receive_bytes_total",
    .type = METRIC_COUNTER,
    .labels = {"device"},
    .help = "A backslash \\ and\na new line and a \"quote\".",
};
static const struct metric offset = {
    .name = "qga_clock_offset_seconds", .type = METRIC_GAUGE, .help = "Offset."};
static const struct metric duration = {
    .name = "d_seconds", .type = METRIC_HISTOGRAM, .labels = {"le"}, .help = "D."};
static const struct metric *const families[] = {&size_bytes, &received, &offset, NULL};

static void
slice_is(const struct fragment *fragment, size_t family, const char *expected)
{
    size_t start = fragment->offsets[family];
    size_t length = fragment->offsets[family + 1] - start;

    assert_int_equal(length, strlen(expected));
    assert_memory_equal(fragment->text + start, expected, length);
}

static struct fragment *
render_mixed(const char *identity)
{
    struct samples *samples = samples_new(&limits);

    samples_add(samples, &offset, 0.25, NO_LABELS);
    samples_add(samples, &size_bytes, 4096, LABELS("vda1", "/"));
    samples_add(samples, &received, 1, LABELS("eth0"));
    samples_add(samples, &size_bytes, 8192, LABELS("vda2", "/home"));
    samples_add(samples, &received, 2, LABELS("eth1"));
    struct fragment *fragment = exposition_render(identity, families, samples);
    samples_free(samples);
    return fragment;
}

static void
series_are_sliced_by_family_in_the_order_of_adding(void **state)
{
    (void)state;
    struct fragment *fragment = render_mixed("domain=\"web-1\"");
    assert_int_equal(fragment->families, 3);
    slice_is(fragment, 0,
             "qga_filesystem_size_bytes{domain=\"web-1\",device=\"vda1\","
             "mountpoint=\"/\"} 4096\n"
             "qga_filesystem_size_bytes{domain=\"web-1\",device=\"vda2\","
             "mountpoint=\"/home\"} 8192\n");
    slice_is(fragment, 1,
             "qga_network_receive_bytes_total{domain=\"web-1\",device=\"eth0\"} 1\n"
             "qga_network_receive_bytes_total{domain=\"web-1\",device=\"eth1\"} 2\n");
    slice_is(fragment, 2, "qga_clock_offset_seconds{domain=\"web-1\"} 0.25\n");
    fragment_unref(fragment);
}

static void
without_identity_there_is_no_empty_label(void **state)
{
    (void)state;
    struct fragment *fragment = render_mixed("");
    slice_is(fragment, 1,
             "qga_network_receive_bytes_total{device=\"eth0\"} 1\n"
             "qga_network_receive_bytes_total{device=\"eth1\"} 2\n");
    slice_is(fragment, 2, "qga_clock_offset_seconds 0.25\n");
    fragment_unref(fragment);
}

static void
the_same_samples_give_the_same_bytes(void **state)
{
    (void)state;
    struct fragment *one = render_mixed("domain=\"a\"");
    struct fragment *two = render_mixed("domain=\"a\"");
    size_t length = one->offsets[one->families];
    assert_int_equal(length, two->offsets[two->families]);
    assert_memory_equal(one->text, two->text, length);
    fragment_unref(one);
    fragment_unref(two);
}

static void
no_samples_make_an_empty_fragment(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    struct fragment *fragment = exposition_render("", families, samples);
    assert_int_equal(fragment->offsets[fragment->families], 0);
    fragment_unref(fragment);
    samples_free(samples);
}

static void
label_values_are_escaped(void **state)
{
    (void)state;
    struct samples *samples = samples_new(&limits);
    samples_add(samples, &received, 1, LABELS("a\"b\\c\nd\\n\"\"\\"));
    samples_add(samples, &received, 2,
                LABELS("\"} 1\n# TYPE qga_up counter\nqga_up{x=\""));
    samples_add(samples, &received, 3, LABELS("\t\r{}=,#\xC3\xA9"));
    samples_add(samples, &received, 4, LABELS(""));
    struct fragment *fragment = exposition_render("", families, samples);
    slice_is(
        fragment, 1,
        "qga_network_receive_bytes_total{device=\"a\\\"b\\\\c\\nd\\\\n\\\"\\\"\\\\\"} "
        "1\n"
        "qga_network_receive_bytes_total{device=\"\\\"} 1\\n# TYPE qga_up "
        "counter\\nqga_up{x=\\\"\"} 2\n"
        "qga_network_receive_bytes_total{device=\"\t\r{}=,#\xC3\xA9\"} 3\n"
        "qga_network_receive_bytes_total{device=\"\"} 4\n");
    fragment_unref(fragment);
    samples_free(samples);
}

static void
header_is(const struct metric *metric, enum exposition_format format,
          const char *expected)
{
    struct text text = TEXT_INIT(1000);

    exposition_header(&text, metric, format);
    assert_string_equal(text.bytes, expected);
    text_free(&text);
}

static void
headers_are_escaped_as_their_format_wants(void **state)
{
    (void)state;
    header_is(&received, EXPOSITION_TEXT,
              "# HELP qga_network_receive_bytes_total A backslash \\\\ and\\na new "
              "line and a \"quote\".\n"
              "# TYPE qga_network_receive_bytes_total counter\n");
    header_is(&received, EXPOSITION_OPENMETRICS,
              "# TYPE qga_network_receive_bytes counter\n"
              "# UNIT qga_network_receive_bytes bytes\n"
              "# HELP qga_network_receive_bytes A backslash \\\\ and\\na new "
              "line and a \\\"quote\\\".\n");
}

static void
openmetrics_has_its_own_types_and_names(void **state)
{
    static const struct metric info = {.name = "qga_os_info", .help = "OS."};
    static const struct metric calls = {
        .name = "calls_total", .type = METRIC_COUNTER, .help = "C."};
    static const struct metric seconds_info = {.name = "a_seconds_info", .help = "I."};
    static const struct metric short_name = {.name = "_info", .help = "N."};

    (void)state;
    header_is(&info, EXPOSITION_TEXT,
              "# HELP qga_os_info OS.\n"
              "# TYPE qga_os_info gauge\n");
    header_is(&info, EXPOSITION_OPENMETRICS, "# TYPE qga_os info\n# HELP qga_os OS.\n");
    header_is(&calls, EXPOSITION_OPENMETRICS,
              "# TYPE calls counter\n# HELP calls C.\n");
    header_is(&seconds_info, EXPOSITION_OPENMETRICS, /* an info has no unit */
              "# TYPE a_seconds info\n# HELP a_seconds I.\n");
    header_is(&short_name, EXPOSITION_OPENMETRICS,
              "# TYPE _info gauge\n# HELP _info N.\n");
    header_is(&duration, EXPOSITION_TEXT,
              "# HELP d_seconds D.\n# TYPE d_seconds histogram\n");
    header_is(&duration, EXPOSITION_OPENMETRICS,
              "# TYPE d_seconds histogram\n# UNIT d_seconds seconds\n"
              "# HELP d_seconds D.\n");
    assert_string_equal(exposition_end(EXPOSITION_TEXT), "");
    assert_string_equal(exposition_end(EXPOSITION_OPENMETRICS), "# EOF\n");
}

static void
written_families_may_be_left_out(void **state)
{
    struct fragment_writer writer = fragment_begin(families);

    (void)state;
    fragment_single(&writer, &offset, 2);
    struct fragment *fragment = fragment_end(&writer);

    slice_is(fragment, 0, "");
    slice_is(fragment, 1, "");
    slice_is(fragment, 2, "qga_clock_offset_seconds 2\n");
    fragment_unref(fragment);
    writer = fragment_begin(families);
    fragment_family(&writer, &size_bytes);
    text_add_string(&writer.text, "line\n");
    fragment = fragment_end(&writer);
    slice_is(fragment, 0, "line\n");
    slice_is(fragment, 2, "");
    fragment_unref(fragment);
}

static void
lines_take_a_suffix(void **state)
{
    (void)state;
    struct text text = TEXT_INIT(1000);
    const char *const le[] = {"+Inf"};
    exposition_line(&text, &duration, "_bucket", "", le, 3);
    exposition_line(&text, &duration, "_bucket", "a=\"b\"", le, 0.5);
    exposition_line(&text, &offset, "_sum", "", NULL, 1);
    assert_string_equal(text.bytes, "d_seconds_bucket{le=\"+Inf\"} 3\n"
                                    "d_seconds_bucket{a=\"b\",le=\"+Inf\"} 0.5\n"
                                    "qga_clock_offset_seconds_sum 1\n");
    text_free(&text);
}

static void
identity_is(const char *domain, const char *source, const char *expected)
{
    char *identity = exposition_identity(domain, source);

    assert_string_equal(identity, expected);
    free(identity);
}

#define FFFD "\xEF\xBF\xBD"

static void
identities_are_escaped_and_valid_utf8(void **state)
{
    (void)state;
    identity_is("web-1", NULL, "domain=\"web-1\"");
    identity_is("", "", "domain=\"\",source=\"\"");
    identity_is("a\"\\\n", "s\"", "domain=\"a\\\"\\\\\\n\",source=\"s\\\"\"");
    identity_is("\x7F\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", NULL,
                "domain=\"\x7F\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    identity_is("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", NULL,
                "domain=\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"");
    identity_is("a\xFFz", NULL, "domain=\"a" FFFD "z\"");
    identity_is("\xC3", NULL, "domain=\"" FFFD "\"");
    identity_is("\xE2\x82", NULL, "domain=\"" FFFD FFFD "\"");
    identity_is("\xC0\xAF", NULL, "domain=\"" FFFD FFFD "\"");
    identity_is("\xE0\x80\x80", NULL, "domain=\"" FFFD FFFD FFFD "\"");
    identity_is("\xF0\x80\x80\x80", NULL, "domain=\"" FFFD FFFD FFFD FFFD "\"");
    identity_is("\xED\xA0\x80", NULL, "domain=\"" FFFD FFFD FFFD "\"");
    identity_is("\xF4\x90\x80\x80", NULL, "domain=\"" FFFD FFFD FFFD FFFD "\"");
    identity_is("\xF5\x80", NULL, "domain=\"" FFFD FFFD "\"");
    identity_is("\xC3\"", NULL, "domain=\"" FFFD "\\\"\"");
}

static void
references_are_counted(void **state)
{
    (void)state;
    struct fragment *fragment = render_mixed("");
    assert_ptr_equal(fragment_ref(fragment), fragment);
    fragment_unref(fragment);
    assert_int_equal(atomic_load(&fragment->references), 1);
    fragment_unref(fragment);
    fragment_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_are_sliced_by_family_in_the_order_of_adding),
        cmocka_unit_test(without_identity_there_is_no_empty_label),
        cmocka_unit_test(the_same_samples_give_the_same_bytes),
        cmocka_unit_test(no_samples_make_an_empty_fragment),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(headers_are_escaped_as_their_format_wants),
        cmocka_unit_test(openmetrics_has_its_own_types_and_names),
        cmocka_unit_test(written_families_may_be_left_out),
        cmocka_unit_test(lines_take_a_suffix),
        cmocka_unit_test(identities_are_escaped_and_valid_utf8),
        cmocka_unit_test(references_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
