/* The growing buffer behind every exposition.
 *
 * An addition is all or nothing: after the ceiling was met nothing is added any more,
 * so what is there is a true prefix of what was asked for. */
#include "base/text.h"

#include "kit/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256

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
    if (text->bytes)
        text->bytes[0] = '\0';
}

void
text_add(struct text *text, const char *bytes, size_t length)
{
    char *place = text_reserve(text, length);

    if (!place)
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
    if (place) {
        (void)vsnprintf(place, (size_t)length + 1, format, written);
        text_added(text, place + length);
    }
    va_end(written);
}

char *
text_take(struct text *text, size_t *length)
{
    char *bytes = text->bytes;

    if (length)
        *length = text->length;
    *text = TEXT_INIT(text->max);
    return bytes;
}
