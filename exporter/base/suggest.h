/* What the user may have meant: for sentences about unknown keys, flags and names.
 * Pure. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/* The name nearest to `word`, or NULL if none is near enough to be a typing error.
 * `names` ends with NULL. */
const char *suggest_nearest(const char *word, const char *const *names);

/* `did you mean "x"?`, or else `known are: a, b, c`; for the end of a sentence. */
void suggest_remedy(const char *word, const char *const *names, char *out,
                    size_t out_bytes);

#endif
