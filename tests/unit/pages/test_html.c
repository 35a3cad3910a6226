/* Words and numbers as HTML. */
#include "pages/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct text text;

/* What was added since the last time. */
static void
added(const char *expected)
{
    assert_string_equal(text.bytes ? text.bytes : "", expected);
    text_free(&text);
}

static void
a_word_is_neither_markup_nor_layout(void **state)
{
    (void)state;
    text = TEXT_INIT(1 << 20);
    html_add_word(&text, "<b a=\"1\" c='2'>&amp;", 99);
    added("<bdi>&#60;b a=&#34;1&#34; c=&#39;2&#39;&#62;&#38;amp;</bdi>");
    html_add_word(&text, "a\n\t\x1b[2J", 99);
    added("<bdi>a\\u{a}\\u{9}\\u{1b}[2J</bdi>");
    html_add_word(&text,
                  "\xe2\x80\xae"
                  "a\xe2\x81\xa6"
                  "b\xe2\x80\x8b",
                  99);
    added("<bdi>\\u{202e}a\\u{2066}b\\u{200b}</bdi>");
    html_add_word(&text, "\xe3\x85\xa4\xf3\xa0\x81\x81", 99);
    added("<bdi>\\u{3164}\\u{e0041}</bdi>");
    html_add_word(&text, "\xff\xc3(\xe2\x82", 99);
    added("<bdi>\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd</bdi>");
    html_add_word(&text, "gr\xc3\xbc\xc3\x9f \xd7\x90 \xe5\xa4\xa9", 99);
    added("<bdi>gr\xc3\xbc\xc3\x9f \xd7\x90 \xe5\xa4\xa9</bdi>");
}

static void
marks_do_not_pile_up(void **state)
{
    (void)state;
    text = TEXT_INIT(1 << 20);
    html_add_word(&text,
                  "a\xcc\x80\xcc\x80\xcc\x80\xcc\x80\xcc\x80"
                  "e\xcc\x81",
                  99);
    added("<bdi>a\xcc\x80\xcc\x80\xcc\x80\\u{300}\\u{300}e\xcc\x81</bdi>");
}

static void
a_long_word_is_cut_between_characters(void **state)
{
    (void)state;
    text = TEXT_INIT(1 << 20);
    html_add_word(&text, "\xc3\xbc\xc3\xbc\xc3\xbc", 2);
    added("<bdi>\xc3\xbc\xc3\xbc…</bdi>");
    html_add_word(&text, "\xc3\xbc\xc3\xbc", 2);
    added("<bdi>\xc3\xbc\xc3\xbc</bdi>");
    html_add_word(&text, "", 2);
    added("<bdi></bdi>");
}

static void
a_link_finds_its_guest(void **state)
{
    (void)state;
    text = TEXT_INIT(1 << 20);
    html_add_url(&text, "Az09-._~/?#%&+ \xc3\xbc\"");
    added("Az09-._~%2F%3F%23%25%26%2B%20%C3%BC%22");
    html_add_guest_link(&text, "a b", "");
    added("<a href=\"/guests/a%20b\"><bdi>a b</bdi></a>");
    html_add_guest_link(&text, "a", "s&t");
    added("<a href=\"/guests/a?source=s%26t\"><bdi>a</bdi></a>");
}

static void
numbers_have_the_unit_that_suits(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0 µs"},      {0.00002, "20 µs"}, {-0.0125, "-12.5 ms"},
                 {0.5, "500 ms"},  {1.234, "1.23 s"},  {-90, "-90 s"},
                 {3600, "60 min"}, {7200, "2 h"},      {1e6, "12 d"}};

    (void)state;
    text = TEXT_INIT(1 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        html_add_seconds(&text, cases[i].seconds);
        added(cases[i].text);
    }
    html_add_age(&text, 0, 100);
    added("never");
    html_add_age(&text, 88.2, 100);
    added("11 s ago");
    html_add_age(&text, 99.5, 100);
    added("now");
    html_add_age(&text, 101, 100); /* the clock was set back */
    added("now");
    html_add_bytes(&text, 1023);
    added("1023 B");
    html_add_bytes(&text, 1536);
    added("1.5 KiB");
    html_add_bytes(&text, 500.0 * 1024 * 1024 * 1024);
    added("500 GiB");
}

static void
the_title_is_a_word_too(void **state)
{
    (void)state;
    text = TEXT_INIT(1 << 20);
    html_begin(&text, "</title>\xe2\x80\xae", "/guests");
    assert_non_null(strstr(text.bytes, "<title>&#60;/title&#62;\\u{202e} – "
                                       "qga-exporter</title>"));
    assert_non_null(
        strstr(text.bytes, "<a href=\"/guests\" aria-current=\"page\">Guests</a>"));
    text_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_neither_markup_nor_layout),
        cmocka_unit_test(marks_do_not_pile_up),
        cmocka_unit_test(a_long_word_is_cut_between_characters),
        cmocka_unit_test(a_link_finds_its_guest),
        cmocka_unit_test(numbers_have_the_unit_that_suits),
        cmocka_unit_test(the_title_is_a_word_too),
    };

    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
