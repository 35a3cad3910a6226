/* Words for terminals and shells. */
#include "doctor/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
expect_escaped(const char *text, const char *escaped)
{
    char *got = doctor_escape(text);

    assert_string_equal(got, escaped);
    free(got);
}

static void
test_escape(void **state)
{
    char longest[4096];

    (void)state;
    expect_escaped("", "");
    expect_escaped("web-1 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7",
                   "web-1 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
    expect_escaped("a\033]0;x\007b\r\n\t\x7f", "a\\x1b]0;x\\x07b\\x0d\\x0a\\x09\\x7f");
    expect_escaped("\xc2\x9b", "\\xc2\\x9b"); /* CSI in one character */
    expect_escaped("\xe2\x80\xae"
                   "abc",
                   "\\xe2\\x80\\xae"
                   "abc");                             /* turns the text */
    expect_escaped("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* a line separator */
    /* Not UTF-8: cut short, overlong, a surrogate, too large. */
    expect_escaped("\xe2\x82", "\\xe2\\x82");
    expect_escaped("\xc0\x8a", "\\xc0\\x8a");
    expect_escaped("\xe0\x80\x8a", "\\xe0\\x80\\x8a");
    expect_escaped("\xe0\x81\x81", "\\xe0\\x81\\x81"); /* an A in three bytes */
    expect_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
    expect_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    char *cut = doctor_escape(longest);

    assert_true(strlen(cut) <= 512);
    free(cut);
}

static void
test_quote(void **state)
{
    static const char *const words[][2] = {
        {"web-1", "web-1"},
        {"", "''"},
        {"-r", "'-r'"},
        {"a b", "'a b'"},
        {"a'b", "'a'\\''b'"},
        {"$(x)", "'$(x)'"},
        {"qemu+unix:///system?socket=/x", "'qemu+unix:///system?socket=/x'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char *quoted = doctor_quote(words[i][0]);

        assert_string_equal(quoted, words[i][1]);
        free(quoted);
    }
}

static void
expect_filled(const char *text, const char *filled)
{
    static const struct doctor_word words[] = {{"name", "web-1"},
                                               {"error", "no {name}"},
                                               {"none", ""},
                                               {"null", NULL},
                                               {NULL, NULL}};
    char *got = doctor_fill(text, words);

    assert_string_equal(got, filled);
    free(got);
}

static void
test_fill(void **state)
{
    (void)state;
    expect_filled("", "");
    expect_filled("nothing to fill", "nothing to fill");
    expect_filled("{name} and {name}", "web-1 and web-1");
    expect_filled("it is{: error}", "it is: no {name}"); /* once, not again */
    expect_filled("it is{ (name)}.", "it is (web-1).");
    expect_filled("it is{: none}{ (null)}", "it is");
    expect_filled("{nam}{names}{unknown}", ""); /* whole words */
    expect_filled("a {name", "a web-1");        /* reads no further than the text */
    expect_filled("a {", "a ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_fill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
