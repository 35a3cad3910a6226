/* Words for terminals and shells, from words that others wrote. */
#include "doctor/words.h"

#include "base/text.h"
#include "kit/memory.h"
#include "kit/utf8.h"

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
        size_t length = utf8_decode(text, &code);

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
