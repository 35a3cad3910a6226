/* The text buffer: ceiling and latch. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
additions_append(void **state)
{
    (void)state;
    struct text text = TEXT_INIT(10000);
    text_add(&text, "abc", 2);
    text_add_string(&text, "-");
    text_add_format(&text, "%d/%s", 42, "x");
    text_add(&text, NULL, 0);
    assert_string_equal(text.bytes, "ab-42/x");
    for (int i = 0; i < 1000; i++)
        text_add_string(&text, "12345678");
    assert_int_equal(text.length, 8007);
    assert_int_equal(strlen(text.bytes), 8007);
    assert_false(text.overflow);
    text_free(&text);
    assert_null(text.bytes);
}

static void
the_ceiling_holds_and_is_latched(void **state)
{
    (void)state;
    struct text text = TEXT_INIT(5);
    text_add_string(&text, "abcd");
    text_add_string(&text, "ef");
    assert_true(text.overflow);
    text_add_string(&text, "g");
    text_add_format(&text, "%d", 1);
    assert_string_equal(text.bytes, "abcd");
    text_clear(&text);
    assert_false(text.overflow);
    text_add_string(&text, "12345");
    assert_false(text.overflow);
    assert_string_equal(text.bytes, "12345");
    text_add(&text, "x", SIZE_MAX);
    assert_true(text.overflow);
    text_free(&text);
}

static void
taking_empties(void **state)
{
    (void)state;
    struct text text = TEXT_INIT(100);
    size_t length = 1;
    assert_null(text_take(&text, &length));
    assert_int_equal(length, 0);
    text_add_string(&text, "abc");
    char *taken = text_take(&text, &length);
    assert_string_equal(taken, "abc");
    assert_int_equal(length, 3);
    assert_null(text.bytes);
    text_add_string(&text, "d");
    assert_string_equal(text.bytes, "d");
    free(taken);
    text_free(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(additions_append),
        cmocka_unit_test(the_ceiling_holds_and_is_latched),
        cmocka_unit_test(taking_empties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
