/* Words for terminals and shells, from words that others wrote. */
#include "doctor/words.h"

#include "base/text.h"
#include "kit/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPED_BYTES_MAX 512

char *
doctor_format(const char *format, ...)
{
    va_list measured, written;

    va_start(measured, format);
    va_copy(written, measured);
    int length = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    char *text = memory_new(length < 0 ? 1 : (size_t)length + 1, 1);

    if (length >= 0)
        (void)vsnprintf(text, (size_t)length + 1, format, written);
    va_end(written);
    return text;
}

/* One character of UTF-8: its bytes, or 0 if it is none. */
static size_t
character(const char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    size_t length = lead < 0x80   ? 1
                    : lead < 0xc2 ? 0
                    : lead < 0xe0 ? 2
                    : lead < 0xf0 ? 3
                    : lead < 0xf5 ? 4
                                  : 0;

    *code = length <= 1 ? lead : lead & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0; /* the end of the text as well */
        *code = *code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    bool is_surrogate = *code >= 0xd800 && *code <= 0xdfff;

    return length > 0 && *code >= least[length] && *code <= 0x10ffff && !is_surrogate
               ? length
               : 0;
}

/* Controls, and what separates lines or turns the direction of writing. */
static bool
is_printed(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && code != 0x61c &&
           !(code >= 0x200b && code <= 0x200f) && !(code >= 0x2028 && code <= 0x202e) &&
           !(code >= 0x2060 && code <= 0x206f) && code != 0xfeff &&
           !(code >= 0xfff0 && code <= 0xfffb);
}

char *
doctor_escape(const char *text)
{
    struct text out = TEXT_INIT(ESCAPED_BYTES_MAX);
    uint32_t code;

    text_add_string(&out, "");
    while (*text != '\0' && !out.overflow) {
        size_t length = character(text, &code);

        if (length > 0 && is_printed(code)) {
            text_add(&out, text, length);
        } else {
            length = length > 0 ? length : 1;
            for (size_t i = 0; i < length; i++)
                text_add_format(&out, "\\x%02x", (unsigned int)(unsigned char)text[i]);
        }
        text += length;
    }
    size_t length;

    return text_take(&out, &length);
}

char *
doctor_quote(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-/:=@%+,";
    struct text out = TEXT_INIT(ESCAPED_BYTES_MAX);
    size_t length;

    if (*word != '\0' && *word != '-' && word[strspn(word, plain)] == '\0')
        return memory_string(word);
    text_add_string(&out, "'");
    for (; *word != '\0'; word++)
        text_add_string(&out, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
    text_add_string(&out, "'");
    return text_take(&out, &length);
}
