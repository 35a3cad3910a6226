/* Whoever sees little can read the pages: the contrast of WCAG 2.1, in light and dark.
 */
#include "pages/style.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MIN 4.5 /* 1.4.3, and more than a field's edge needs */

/* 0 to 1 of two or, doubled, one hexadecimal digit. */
static double
channel(const char *digits, size_t count)
{
    char text[3] = {digits[0], count == 2 ? digits[1] : digits[0], '\0'};
    char *end;
    double value = (double)strtoul(text, &end, 16) / 255;

    assert_int_equal(*end, '\0');
    return value <= 0.03928 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

/* The relative luminance of a variable's colour, in the text of one scheme. */
static double
luminance(const char *scheme, const char *variable)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "--%s:#", variable);
    const char *digits = strstr(scheme, name);
    assert_non_null(digits);
    digits += strlen(name);
    size_t length = strspn(digits, "0123456789abcdef");
    assert_true(length == 3 || length == 6);
    size_t count = length / 3;
    return 0.2126 * channel(digits, count) + 0.7152 * channel(digits + count, count) +
           0.0722 * channel(digits + 2 * count, count);
}

static double
contrast(const char *scheme, const char *one, const char *other)
{
    double a = luminance(scheme, one), b = luminance(scheme, other);

    return (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
}

static void
is_readable(const char *scheme)
{
    static const char *const inks[] = {"ink", "soft", "link", "good", "bad", "other"};
    static const char *const grounds[] = {"paper", "raised"};

    for (size_t i = 0; i < sizeof(inks) / sizeof(inks[0]); i++)
        for (size_t j = 0; j < sizeof(grounds) / sizeof(grounds[0]); j++)
            if (contrast(scheme, inks[i], grounds[j]) < TEXT_MIN)
                fail_msg("--%s is too faint on --%s", inks[i], grounds[j]);
}

static void
text_has_contrast_in_light_and_dark(void **state)
{
    const char *dark = strstr(pages_style, "@media(prefers-color-scheme:dark)");

    (void)state;
    assert_non_null(dark);
    is_readable(pages_style);
    is_readable(dark);
}

/* What is black on white, and what everybody knows to be too faint. */
static void
contrast_is_that_of_wcag(void **state)
{
    const char *scheme = "--black:#000;--white:#ffffff;--grey:#777777;";

    (void)state;
    assert_true(contrast(scheme, "black", "white") > 20.99);
    assert_true(contrast(scheme, "grey", "white") > 4.47);
    assert_true(contrast(scheme, "grey", "white") < TEXT_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_contrast_in_light_and_dark),
        cmocka_unit_test(contrast_is_that_of_wcag),
    };

    return cmocka_run_group_tests_name("style", tests, NULL, NULL);
}
