/* Doubles as decimals.  A scrape has ten thousands of them, so the common ones do
 * without printf(3). */
#include "base/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every integer up to here is a double; the brief form ends where they thin out. */
#define INTEGER_MAX 9007199254740992.0 /* 2^53 */
/* Below this, decimals with a fixed number of places are further apart than doubles,
 * so the one that reads back is the shortest. */
#define SCALED_MAX 4503599627370496.0 /* 2^52 */

/* Writes the digits so that they end before `end`; returns where they start. */
static char *
digits_before(char *end, uint64_t number)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";

    while (number >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * number, 2);
        return end;
    }
    *--end = (char)('0' + number);
    return end;
}

/* Writes number / 10^places as a decimal fraction.  Takes a positive number that is not
 * a multiple of 10^places. */
static char *
fraction_before(char *end, uint64_t number, int places)
{
    char *start = digits_before(end, number);

    while (end - start <= places)
        *--start = '0';
    size_t whole = (size_t)(end - start - places);

    memmove(start - 1, start, whole);
    start[whole - 1] = '.';
    return start - 1;
}

/* Whether the value is a decimal of so many places: a quotient of two integers that
 * are doubles is rounded once, as reading the decimal is, so equality is proof. */
static bool
is_decimal(double magnitude, double scale, uint64_t *number)
{
    if (magnitude * scale >= SCALED_MAX)
        return false;
    *number = (uint64_t)(magnitude * scale + 0.5);
    return *number > 0 && (double)*number / scale == magnitude;
}

static size_t
format_shortest(double value, char out[NUMBER_BYTES])
{
    int length = 0;

    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)length;
}

size_t
number_format(double value, char out[NUMBER_BYTES])
{
    char buffer[NUMBER_BYTES];
    char *end = buffer + sizeof(buffer), *start;
    double magnitude = fabs(value);
    uint64_t number;
    int places = 6; /* most fractions here were counted in micro- or nanoseconds */

    if (!isfinite(value))
        return (size_t)snprintf(out, NUMBER_BYTES, "%s",
                                isnan(value) ? "NaN"
                                : value > 0  ? "+Inf"
                                             : "-Inf");
    if (magnitude <= INTEGER_MAX && (double)(uint64_t)magnitude == magnitude) {
        start = digits_before(end, (uint64_t)magnitude);
    } else {
        if (!is_decimal(magnitude, 1e6, &number)) {
            places = 9;
            if (!is_decimal(magnitude, 1e9, &number))
                return format_shortest(value, out);
        }
        for (; number % 10 == 0; places--)
            number /= 10;
        start = fraction_before(end, number, places);
    }
    if (value < 0)
        *--start = '-';
    memcpy(out, start, (size_t)(end - start));
    return (size_t)(end - start);
}
