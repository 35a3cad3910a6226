/* A growable text buffer with a ceiling: it cannot be made without one.  Not
 * thread-safe.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes; /* NUL-terminated once anything was added; NULL before */
    size_t length;
    size_t capacity;
    size_t max;    /* past this nothing is added ... */
    bool overflow; /* ... and this is latched */
};

#define TEXT_INIT(max_bytes) ((struct text){.max = (max_bytes)})

void text_free(struct text *text);
void text_clear(struct text *text); /* keeps the memory */
void text_add(struct text *text, const char *bytes, size_t length);
void text_add_string(struct text *text, const char *string);
void text_add_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* For the one hot path: the place for up to `length_max` more bytes, or NULL with the
 * overflow latched; text_added() says where the writing ended. */
char *text_reserve(struct text *text, size_t length_max);
void text_added(struct text *text, char *end);
/* Hands the bytes over to the caller (free()); the buffer is empty afterwards. */
char *text_take(struct text *text, size_t *length);

#endif
