/* From bytes to JSON that can be read. */
#include "agent/mend.h"

#include "kit/guest_json.h"
#include "kit/memory.h"
#include "kit/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* "\uXXXX" */
#define ESCAPE_BYTES ((size_t)6)
#define REPLACEMENT "\\ufffd"
#define TOO_LARGE_BYTES (sizeof(GUEST_JSON_TOO_LARGE) - 1)

/* An old agent hands on names as the guest has them.  A byte that is no UTF-8 is no
 * bracket and no quote, so what the reply says stays. */
static char *
clean_text(const char *bytes, size_t length)
{
    char *text = memory_new(length + 1, 1);

    memcpy(text, bytes, length);
    size_t size = utf8_clean(text, SIZE_MAX, NULL);
    char *clean = memory_new(size + 1, 1);

    (void)utf8_clean(text, size, clean);
    free(text);
    return clean;
}

/* --- strings --- */

/* The code of an escape that begins here; -1: it is no such escape. */
static int
code_of(const char *escape)
{
    int code = 0;

    if (escape[0] != '\\' || escape[1] != 'u')
        return -1;
    for (size_t i = 2; i < ESCAPE_BYTES; i++) {
        char byte = escape[i];
        int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                 : -1;

        if (digit < 0)
            return -1; /* the NUL as well */
        code = code * 16 + digit;
    }
    return code;
}

static bool
is_high(int code)
{
    return code >= 0xd800 && code <= 0xdbff;
}

static bool
is_low(int code)
{
    return code >= 0xdc00 && code <= 0xdfff;
}

/* What begins with a backslash; returns its length. */
static size_t
mend_escape(char *escape, bool *mended)
{
    int code = code_of(escape);

    if (code < 0)
        return escape[1] != '\0' ? 2 : 1;
    if (is_high(code) && is_low(code_of(escape + ESCAPE_BYTES)))
        return 2 * ESCAPE_BYTES;
    if (code == 0 || is_high(code) || is_low(code)) {
        memcpy(escape, REPLACEMENT, ESCAPE_BYTES);
        *mended = true;
    }
    return ESCAPE_BYTES;
}

/* From behind its first quote; returns the length with its last. */
static size_t
mend_string(char *string, bool *mended)
{
    size_t at = 0;

    while (string[at] != '\0' && string[at] != '"')
        at += string[at] == '\\' ? mend_escape(string + at, mended) : 1;
    return at + (string[at] == '"');
}

/* --- numbers --- */

static size_t
mend_number(char *number, bool *mended)
{
    size_t length = strspn(number, "+-.0123456789Ee");
    char *end;

    /* None that is shorter is so large. */
    if (length >= TOO_LARGE_BYTES && isinf(strtod(number, &end)) &&
        end == number + length) {
        memset(number, ' ', length);
        memcpy(number, GUEST_JSON_TOO_LARGE, TOO_LARGE_BYTES);
        *mended = true;
    }
    return length;
}

/* Where it stands, as nothing becomes longer. */
static bool
mend_text(char *text)
{
    bool mended = false;

    for (size_t at = 0; text[at] != '\0';) {
        char byte = text[at];

        if (byte == '"')
            at += 1 + mend_string(text + at + 1, &mended);
        else if (byte == '-' || (byte >= '0' && byte <= '9'))
            at += mend_number(text + at, &mended);
        else
            at++;
    }
    return mended;
}

char *
mend_json(const char *bytes, size_t length)
{
    if (memchr(bytes, '\0', length))
        return NULL;
    char *text = clean_text(bytes, length);
    bool mended = mend_text(text);

    if (mended || strlen(text) != length || memcmp(text, bytes, length) != 0)
        return text;
    free(text);
    return NULL;
}
