/* Lengths before what they are of. */
#include "broker/bytes.h"

#include <string.h>

#define NO_STRING UINT32_MAX

static void
put_length(struct text *out, uint32_t length)
{
    text_add(out, (const char *)&length, sizeof(length));
}

void
bytes_put_number(struct text *out, int64_t number)
{
    text_add(out, (const char *)&number, sizeof(number));
}

/* With its NUL, so that it can be read where it stands. */
void
bytes_put_string(struct text *out, const char *string)
{
    if (!string) {
        put_length(out, NO_STRING);
        return;
    }
    put_length(out, (uint32_t)strlen(string));
    text_add(out, string, strlen(string) + 1);
}

void
bytes_put_block(struct text *out, const void *block, size_t length)
{
    put_length(out, (uint32_t)length);
    text_add(out, block, length);
}

/* The next ones, or NULL. */
static const char *
take(struct bytes *bytes, size_t length)
{
    const char *at = bytes->at;

    bytes->is_bad |= length > (size_t)(bytes->end - bytes->at);
    if (bytes->is_bad)
        return NULL;
    bytes->at += length;
    return at;
}

static uint32_t
take_length(struct bytes *bytes)
{
    uint32_t length = 0;
    const char *at = take(bytes, sizeof(length));

    if (at)
        memcpy(&length, at, sizeof(length));
    return length;
}

int64_t
bytes_number(struct bytes *bytes)
{
    int64_t number = 0;
    const char *at = take(bytes, sizeof(number));

    if (at)
        memcpy(&number, at, sizeof(number));
    return number;
}

unsigned int
bytes_choice(struct bytes *bytes, unsigned int count)
{
    int64_t number = bytes_number(bytes);

    if (number >= 0 && number < count)
        return (unsigned int)number;
    bytes->is_bad = true;
    return 0;
}

bool
bytes_bool(struct bytes *bytes)
{
    return bytes_choice(bytes, 2) == 1;
}

const char *
bytes_string_or_null(struct bytes *bytes)
{
    uint32_t length = take_length(bytes);

    if (length == NO_STRING)
        return NULL;
    const char *at = take(bytes, (size_t)length + 1);

    if (at && strnlen(at, (size_t)length + 1) == length)
        return at;
    bytes->is_bad = true;
    return NULL;
}

const char *
bytes_string(struct bytes *bytes)
{
    const char *string = bytes_string_or_null(bytes);

    bytes->is_bad |= !string;
    return string ? string : "";
}

const char *
bytes_block(struct bytes *bytes, size_t *length)
{
    *length = take_length(bytes);
    return take(bytes, *length);
}

void
bytes_copy(struct bytes *bytes, void *block, size_t length)
{
    size_t found;
    const char *at = bytes_block(bytes, &found);

    bytes->is_bad |= found != length;
    if (at && !bytes->is_bad)
        memcpy(block, at, length);
    else
        memset(block, 0, length);
}
