/* Include and exclude patterns over guest text.  A filter is immutable after it was
 * built and may be shared by threads.  Matching is bounded (PCRE2 match limit), because
 * the text is hostile: a match that hits the bound counts as excluded. */
#ifndef KIT_FILTER_H
#define KIT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct filter;

/* `include` and `exclude` are PCRE2 patterns, or NULL or "" for none.  Returns NULL on
 * a bad pattern with one sentence in `error` that names the pattern and the position.
 */
struct filter *filter_new(const char *include, const char *exclude, char *error,
                          size_t error_bytes);
void filter_free(struct filter *filter); /* NULL is fine */

/* Whether the text passes: it matches `include` (if there is one) and not `exclude`.
 * A NULL filter lets everything pass. */
bool filter_passes(const struct filter *filter, const char *text);

#endif
