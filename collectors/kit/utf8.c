/* UTF-8: characters of a text that may not consist of any. */
#include "kit/utf8.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of a character behind its first. */
#define CONTINUATIONS_MAX 3

static bool
is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t
utf8_decode(const char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    size_t length = lead < 0x80             ? 1
                    : (lead & 0xe0) == 0xc0 ? 2
                    : (lead & 0xf0) == 0xe0 ? 3
                    : (lead & 0xf8) == 0xf0 ? 4
                                            : 0;

    if (length == 0)
        return 0;
    uint32_t value = length == 1 ? lead : lead & (0x7fU >> length);

    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(text[i]))
            return 0; /* the NUL as well */
        value = value << 6 | ((unsigned char)text[i] & 0x3fU);
    }
    if (value < least[length] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return 0;
    if (code)
        *code = value;
    return length;
}

size_t
utf8_plain(const char *text, size_t bytes_max)
{
    size_t length = 0;

    while (length < bytes_max && text[length] >= ' ' && text[length] <= '~')
        length++;
    return length;
}

size_t
utf8_cut(const char *text, size_t bytes_max)
{
    size_t length = strnlen(text, bytes_max);
    size_t start = length;

    while (start > 0 && length - start < CONTINUATIONS_MAX &&
           is_continuation(text[start]))
        start--;
    /* What has more of them is no UTF-8, and may be cut anywhere. */
    return is_continuation(text[start]) ? length : start;
}

size_t
utf8_clean(const char *text, size_t bytes_max, char *out)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t length = 0;

    while (*text != '\0') {
        size_t plain = utf8_plain(text, bytes_max - length);
        size_t taken = plain > 0 ? plain : utf8_decode(text, NULL);
        const char *from = taken > 0 ? text : replacement;
        size_t size = taken > 0 ? taken : sizeof(replacement) - 1;

        if (size > bytes_max - length)
            break;
        if (out)
            memcpy(out + length, from, size);
        length += size;
        text += taken > 0 ? taken : 1;
    }
    if (out)
        out[length] = '\0';
    return length;
}

bool
utf8_is_shown(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},     {0x34f, 0x34f},
        {0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
        {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f}, {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (code >= hidden[i].first && code <= hidden[i].last)
            return false;
    }
    return true;
}
