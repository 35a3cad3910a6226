/* Include and exclude patterns over guest text.  A filter is immutable after it was
 * built and may be shared by threads.  Text that a pattern cannot decide about within
 * its limits (kit/pattern.h) counts as excluded. */
#ifndef KIT_FILTER_H
#define KIT_FILTER_H

#include <stdbool.h>

struct failure;
struct filter;

/* `include` and `exclude` are PCRE2 patterns, or NULL or "" for none.  NULL on a bad
 * pattern, with one sentence that names the pattern and the position. */
struct filter *filter_new(const char *include, const char *exclude,
                          struct failure *why);
void filter_free(struct filter *filter); /* NULL is fine */

/* Whether the text passes: it matches `include` (if there is one) and not `exclude`.
 * A NULL filter lets everything pass. */
bool filter_passes(const struct filter *filter, const char *text);

#endif
