/* Values as bytes, for another process of the same program: numbers as the machine has
 * them.  Pure.
 *
 * Whoever reads believes nothing: past the end, or at what cannot be, all that follows
 * reads as zero, and `is_bad` is latched. */
#ifndef BROKER_BYTES_H
#define BROKER_BYTES_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void bytes_put_number(struct text *out, int64_t number);
void bytes_put_string(struct text *out, const char *string); /* or NULL */
void bytes_put_block(struct text *out, const void *block, size_t length);

struct bytes {
    const char *at, *end;
    bool is_bad;
};

int64_t bytes_number(struct bytes *bytes);
/* From 0 to `count` - 1. */
unsigned int bytes_choice(struct bytes *bytes, unsigned int count);
bool bytes_bool(struct bytes *bytes);
/* Borrowed from the bytes, NUL-terminated, without another NUL.  NULL where that was
 * put, and if it is bad. */
const char *bytes_string_or_null(struct bytes *bytes);
const char *bytes_string(struct bytes *bytes); /* never NULL */
/* Borrowed; NULL if it is bad. */
const char *bytes_block(struct bytes *bytes, size_t *length);
/* Of exactly this length; zeroed if it is bad. */
void bytes_copy(struct bytes *bytes, void *block, size_t length);

#endif
