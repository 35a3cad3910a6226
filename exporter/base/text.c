/* The growing buffer behind every exposition, and how a number is spelled in it.
 *
 * An addition is all or nothing: after the ceiling was met nothing is added any more,
 * so what is there is a true prefix of what was asked for. */
#include "base/text.h"

#include "kit/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256
#define DOUBLE_BYTES_MAX 32

/* Every integer up to here is a double; the brief form ends where they thin out. */
#define INTEGER_MAX 9007199254740992.0 /* 2^53 */
/* Below this, decimals with a fixed number of places are further apart than doubles,
 * so the one that reads back is the shortest. */
#define SCALED_MAX 4503599627370496.0 /* 2^52 */

static void
text_grow(struct text *text, size_t needed)
{
    size_t capacity = text->capacity > 0 ? text->capacity : CAPACITY_MIN;
    while (capacity < needed)
        capacity *= 2;
    text->bytes = memory_resize(text->bytes, capacity, 1);
    text->capacity = capacity;
}

char *
text_reserve(struct text *text, size_t length_max)
{
    if (text->overflow || length_max > text->max ||
        text->length > text->max - length_max) {
        text->overflow = true;
        return NULL;
    }
    if (text->length + length_max >= text->capacity)
        text_grow(text, text->length + length_max + 1);
    return text->bytes + text->length;
}

void
text_added(struct text *text, char *end)
{
    *end = '\0';
    text->length = (size_t)(end - text->bytes);
}

void
text_free(struct text *text)
{
    free(text->bytes);
    *text = TEXT_INIT(text->max);
}

void
text_clear(struct text *text)
{
    text->length = 0;
    text->overflow = false;
    if (text->bytes != NULL)
        text->bytes[0] = '\0';
}

void
text_add(struct text *text, const char *bytes, size_t length)
{
    char *place = text_reserve(text, length);
    if (place == NULL)
        return;
    if (length > 0) /* `bytes` may be NULL then */
        memcpy(place, bytes, length);
    text_added(text, place + length);
}

void
text_add_string(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void
text_add_format(struct text *text, const char *format, ...)
{
    va_list measured, written;
    va_start(measured, format);
    va_copy(written, measured);
    int length = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    char *place = length < 0 ? NULL : text_reserve(text, (size_t)length);
    if (place != NULL) {
        (void)vsnprintf(place, (size_t)length + 1, format, written);
        text_added(text, place + length);
    }
    va_end(written);
}

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

/* number / 10^places as a decimal fraction.  Takes a positive number that is not a
 * multiple of 10^places. */
static void
text_add_fraction(struct text *text, bool negative, uint64_t number, int places)
{
    while (number % 10 == 0) {
        number /= 10;
        places--;
    }
    char buffer[DOUBLE_BYTES_MAX];
    char *end = buffer + sizeof(buffer);
    char *start = digits_before(end, number);
    while (end - start <= places)
        *--start = '0';
    size_t whole = (size_t)(end - start - places);
    memmove(start - 1, start, whole);
    start[whole - 1] = '.';
    start--;
    if (negative)
        *--start = '-';
    text_add(text, start, (size_t)(end - start));
}

/* Whether the value is a decimal of so many places: a quotient of two integers that
 * are doubles is rounded once, as reading the decimal is, so equality is proof. */
static bool
text_add_scaled(struct text *text, double value, double scale, int places)
{
    double magnitude = fabs(value) * scale;
    if (magnitude >= SCALED_MAX)
        return false;
    uint64_t number = (uint64_t)(magnitude + 0.5);
    if (number == 0 || (double)number / scale != fabs(value))
        return false;
    text_add_fraction(text, value < 0, number, places);
    return true;
}

static void
text_add_shortest(struct text *text, double value)
{
    char buffer[DOUBLE_BYTES_MAX];
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(buffer, sizeof(buffer), "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    text_add(text, buffer, (size_t)length);
}

static void
text_add_not_finite(struct text *text, double value)
{
    if (isnan(value))
        text_add_string(text, "NaN");
    else
        text_add_string(text, value > 0 ? "+Inf" : "-Inf");
}

void
text_add_double(struct text *text, double value)
{
    if (!isfinite(value)) {
        text_add_not_finite(text, value);
        return;
    }
    if (fabs(value) <= INTEGER_MAX && (double)(int64_t)value == value) {
        char buffer[DOUBLE_BYTES_MAX];
        char *end = buffer + sizeof(buffer);
        char *start = digits_before(end, (uint64_t)fabs(value));
        if (value < 0)
            *--start = '-';
        text_add(text, start, (size_t)(end - start));
        return;
    }
    /* Most fractions here were counted in micro- or nanoseconds. */
    if (text_add_scaled(text, value, 1e6, 6) || text_add_scaled(text, value, 1e9, 9))
        return;
    text_add_shortest(text, value);
}

char *
text_take(struct text *text, size_t *length)
{
    char *bytes = text->bytes;
    if (length != NULL)
        *length = text->length;
    *text = TEXT_INIT(text->max);
    return bytes;
}
