/* How numbers are spelled: briefly, and so that they read back. */
#include "base/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
spells(double value, const char *expected)
{
    char text[NUMBER_BYTES];

    assert_int_equal(number_format(value, text), strlen(expected));
    assert_memory_equal(text, expected, strlen(expected));
}

static void
numbers_are_spelled_briefly(void **state)
{
    (void)state;
    spells(0, "0");
    spells(-0.0, "0");
    spells(7, "7");
    spells(-7, "-7");
    spells(10, "10");
    spells(99, "99");
    spells(100, "100");
    spells(1234567, "1234567");
    spells(9007199254740991.0, "9007199254740991");
    spells(9007199254740992.0, "9007199254740992");
    spells(-9007199254740992.0, "-9007199254740992");
    spells(9007199254740994.0, "9007199254740994");
    spells(18446744073709551615.0, "1.8446744073709552e+19");
    spells(0.1, "0.1");
    spells(-0.1, "-0.1");
    spells(0.5, "0.5");
    spells(1.5, "1.5");
    spells(-12.25, "-12.25");
    spells(0.000000001, "0.000000001");
    spells(0.000123, "0.000123");
    spells(90.000000123, "90.000000123");
    spells(1700000000.123456, "1700000000.123456");
    spells(0.1 + 0.2, "0.30000000000000004");
    spells(1e-10, "1e-10");
    spells(1.7976931348623157e308, "1.7976931348623157e+308");
    spells(5e-324, "4.94065645841247e-324");
}

static void
what_is_no_number_is_spelled_as_the_format_wants(void **state)
{
    (void)state;
    spells((double)NAN, "NaN");
    spells(-(double)NAN, "NaN");
    spells((double)INFINITY, "+Inf");
    spells(-(double)INFINITY, "-Inf");
}

static uint64_t
random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* The value reads back, and no spelling with fewer digits does. */
static void
assert_shortest(double value)
{
    char text[NUMBER_BYTES + 1];

    text[number_format(value, text)] = '\0';
    assert_true(strtod(text, NULL) == value);
    int digits = 0;
    for (const char *c = text; *c != '\0' && *c != 'e'; c++)
        if (*c >= '0' && *c <= '9' && (digits > 0 || *c != '0'))
            digits++;
    bool whole = fabs(value) <= 9007199254740992.0 && floor(value) == value;
    if (digits <= 15 || whole)
        return;
    char shorter[400];
    (void)snprintf(shorter, sizeof(shorter), "%.*g", digits - 1, value);
    assert_false(strtod(shorter, NULL) == value);
}

static void
every_value_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = random_next(&seed);
        double value = 0;

        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value))
            assert_shortest(value);
        assert_shortest((double)(int64_t)(bits >> 20) / 1e9);
        assert_shortest(-(double)(int64_t)(bits >> 12) / 1e6);
        assert_shortest((double)(bits >> 11));
    }
}

/* Where %.15g reads back, the brief form must have the same digits. */
static void
brief_fractions_equal_printf(void **state)
{
    (void)state;
    uint64_t seed = 1234567;
    for (int i = 0; i < 100000; i++) {
        double value = (double)(random_next(&seed) % 1000000000000u) / 1e9 + 0.001;
        char expected[64];

        (void)snprintf(expected, sizeof(expected), "%.15g", value);
        if (strtod(expected, NULL) != value)
            continue;
        spells(value, expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_spelled_briefly),
        cmocka_unit_test(what_is_no_number_is_spelled_as_the_format_wants),
        cmocka_unit_test(every_value_reads_back),
        cmocka_unit_test(brief_fractions_equal_printf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
