/* What is a character of UTF-8, and what is none: a table of both. */
#include "kit/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FFFD "\xef\xbf\xbd"
#define PENGUIN "\xf0\x9f\x90\xa7"

static const struct {
    const char *text;
    size_t length; /* of the first character; 0: there is none */
    uint32_t code;
} characters[] = {
    {"", 1, 0}, /* the NUL itself */
    {"a", 1, 'a'},
    {"\x7f", 1, 0x7f},
    {"\xc2\x80", 2, 0x80},
    {"\xdf\xbf", 2, 0x7ff},
    {"\xe0\xa0\x80", 3, 0x800},
    {"\xe2\x82\xac!", 3, 0x20ac},
    {"\xed\x9f\xbf", 3, 0xd7ff},
    {"\xee\x80\x80", 3, 0xe000},
    {"\xef\xbf\xbf", 3, 0xffff},
    {"\xf0\x90\x80\x80", 4, 0x10000},
    {PENGUIN, 4, 0x1f427},
    {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    /* A continuation without a beginning. */
    {"\x80", 0, 0},
    {"\xbf\xbf", 0, 0},
    /* Cut short, by the end or by another character. */
    {"\xc3", 0, 0},
    {"\xe2\x82", 0, 0},
    {"\xe2", 0, 0},
    {"\xf0\x9f\x90", 0, 0},
    {"\xf0\x9f", 0, 0},
    {"\xf0", 0, 0},
    {"\xc3z", 0, 0},
    {"\xe2\x82z", 0, 0},
    {"\xe2z\x82", 0, 0},
    {"\xf0\x9f\x90z", 0, 0},
    {"\xf0\x9f\x90\xc3", 0, 0},
    /* Longer than need be. */
    {"\xc0\x80", 0, 0},
    {"\xc1\xbf", 0, 0},
    {"\xe0\x80\x8a", 0, 0},
    {"\xe0\x9f\xbf", 0, 0},
    {"\xf0\x80\x80\x80", 0, 0},
    {"\xf0\x8f\xbf\xbf", 0, 0},
    /* Halves of UTF-16. */
    {"\xed\xa0\x80", 0, 0},
    {"\xed\xaf\xbf\xed\xb0\x80", 0, 0},
    {"\xed\xbf\xbf", 0, 0},
    /* Beyond the last one. */
    {"\xf4\x90\x80\x80", 0, 0},
    {"\xf5\x80\x80\x80", 0, 0},
    {"\xf7\xbf\xbf\xbf", 0, 0},
    {"\xf8\x88\x80\x80\x80", 0, 0},
    {"\xfc\x84\x80\x80\x80\x80", 0, 0},
    {"\xfe", 0, 0},
    {"\xff", 0, 0},
};

static void
characters_are_told_from_what_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        uint32_t code = 0;

        if (utf8_decode(characters[i].text, &code) != characters[i].length ||
            code != characters[i].code)
            fail_msg("row %zu: U+%04X", i, (unsigned int)code);
        assert_int_equal(utf8_decode(characters[i].text, NULL), characters[i].length);
    }
}

static void
text_is_cut_between_two_characters(void **state)
{
    static const struct {
        const char *text;
        size_t bytes_max, kept;
    } cuts[] = {
        {"", 0, 0},
        {"", 4, 0},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xc3\xa4", 3, 3},
        {"a\xc3\xa4", 2, 1},
        {"\xe2\x82\xac", 2, 0},
        {PENGUIN PENGUIN, 8, 8},
        {PENGUIN PENGUIN, 7, 4},
        {PENGUIN PENGUIN, 5, 4},
        {PENGUIN PENGUIN, 4, 4},
        {PENGUIN PENGUIN, 3, 0},
        /* No UTF-8: something is kept all the same, and never more than that. */
        {"\x80\x80\x80\x80\x80\x80", 5, 5},
        {"a\x80\x80\x80\x80", 4, 4},
        {"\xff\xff\xff", 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        if (utf8_cut(cuts[i].text, cuts[i].bytes_max) != cuts[i].kept)
            fail_msg("row %zu: %zu", i, utf8_cut(cuts[i].text, cuts[i].bytes_max));
    }
}

static void
what_is_no_character_is_replaced(void **state)
{
    static const struct {
        const char *text;
        size_t bytes_max;
        const char *clean;
    } texts[] = {
        {"", 8, ""},
        {"caf\xc3\xa9", 8, "caf\xc3\xa9"},
        {"caf\xc3\xa9", 4, "caf"},
        {"a\xff"
         "b",
         8, "a" FFFD "b"},
        {"\xe2\x82z", 8, FFFD FFFD "z"},
        {"\xed\xa0\x80", 9, FFFD FFFD FFFD},
        {"\xed\xa0\x80", 8, FFFD FFFD},
        {"\xff", 2, ""},
        {PENGUIN, 3, ""},
    };
    char clean[16];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t length = utf8_clean(texts[i].text, texts[i].bytes_max, clean);

        assert_string_equal(clean, texts[i].clean);
        assert_int_equal(length, strlen(texts[i].clean));
        assert_int_equal(utf8_clean(texts[i].text, texts[i].bytes_max, NULL), length);
    }
}

static void
what_does_not_show_itself_is_known(void **state)
{
    static const uint32_t shown[] = {' ', '~', 0xe9, 0x5d0, 0x300, 0x4e00, 0x1f427},
                          hidden[] = {0,      '\n',   0x7f,   0x85,   0xad,   0x61c,
                                      0x200b, 0x202e, 0x2066, 0x3164, 0xfeff, 0xe0041};

    (void)state;
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        assert_true(utf8_is_shown(shown[i]));
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        assert_false(utf8_is_shown(hidden[i]));
}

static void
test_plain(void **state)
{
    (void)state;
    assert_int_equal(utf8_plain("a ~", 8), 3);
    assert_int_equal(utf8_plain("a ~", 2), 2);
    assert_int_equal(utf8_plain("a\x1f", 8), 1);
    assert_int_equal(utf8_plain("a\x7f", 8), 1);
    assert_int_equal(utf8_plain("a\xc3\xa9", 8), 1);
    assert_int_equal(utf8_plain("", 8), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(characters_are_told_from_what_is_none),
        cmocka_unit_test(text_is_cut_between_two_characters),
        cmocka_unit_test(what_is_no_character_is_replaced),
        cmocka_unit_test(what_does_not_show_itself_is_known),
    };

    return cmocka_run_group_tests_name("UTF-8", tests, NULL, NULL);
}
