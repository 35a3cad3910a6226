/* Words for terminals and shells, from words that others wrote. */
#include "doctor/words.h"

#include "base/text.h"
#include "kit/memory.h"
#include "kit/utf8.h"

#include <stdint.h>
#include <string.h>

#define ESCAPED_BYTES_MAX 512
/* A text of ours with a few escaped words. */
#define FILLED_BYTES_MAX 8192

char *
doctor_escape(const char *text)
{
    struct text out = TEXT_INIT(ESCAPED_BYTES_MAX);
    uint32_t code = 0;

    text_add_string(&out, "");
    while (*text != '\0' && !out.overflow) {
        size_t plain = utf8_plain(text, ESCAPED_BYTES_MAX - out.length);
        size_t length = plain > 0 ? plain : utf8_decode(text, &code);

        if (plain > 0 || (length > 0 && utf8_is_shown(code))) {
            text_add(&out, text, length);
        } else {
            length = length > 0 ? length : 1;
            for (size_t i = 0; i < length; i++)
                text_add_format(&out, "\\x%02x", (unsigned int)(unsigned char)text[i]);
        }
        text += length;
    }
    return text_take(&out, NULL);
}

char *
doctor_quote(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-/:=@%+,";
    struct text out = TEXT_INIT(ESCAPED_BYTES_MAX);

    if (*word != '\0' && *word != '-' && word[strspn(word, plain)] == '\0')
        return memory_string(word);
    text_add_string(&out, "'");
    for (; *word != '\0'; word++)
        text_add_string(&out, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
    text_add_string(&out, "'");
    return text_take(&out, NULL);
}

/* Returns what follows the closing brace. */
static const char *
fill_word(struct text *out, const char *before, const struct doctor_word *words)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const char *name = before + strcspn(before, letters);
    const char *after = name + strspn(name, letters);
    size_t length = (size_t)(after - name), rest = strcspn(after, "}");

    while (words->name &&
           (strncmp(words->name, name, length) != 0 || words->name[length] != '\0'))
        words++;
    if (words->name && words->value && *words->value != '\0') {
        text_add(out, before, (size_t)(name - before));
        text_add_string(out, words->value);
        text_add(out, after, rest);
    }
    return after + rest + (after[rest] == '}');
}

char *
doctor_fill(const char *text, const struct doctor_word *words)
{
    struct text out = TEXT_INIT(FILLED_BYTES_MAX);

    text_add_string(&out, "");
    while (*text != '\0') {
        size_t plain = strcspn(text, "{");

        text_add(&out, text, plain);
        text += plain;
        if (*text == '{')
            text = fill_word(&out, text + 1, words);
    }
    return text_take(&out, NULL);
}
