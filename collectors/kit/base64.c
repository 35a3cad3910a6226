/* Four characters to three bytes. */
#include "kit/base64.h"

#include <stdint.h>
#include <string.h>

static int
digit(char character)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = character != '\0' ? strchr(digits, character) : NULL;

    return found ? (int)(found - digits) : -1;
}

bool
base64_decode(const char *text, char *out, size_t bytes)
{
    size_t length = strcspn(text, "=");
    size_t used = 0;
    uint32_t bits = 0;

    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0 && used + 1 < bytes)
            out[used++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
    }
    out[used] = '\0';
    /* What is left over is padding, as much as is missing. */
    size_t padding = strlen(text) - length;
    return strspn(text + length, "=") == padding && (length + padding) % 4 == 0 &&
           length % 4 != 1 && padding < 3;
}
