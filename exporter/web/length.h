/* How long a request is, as its headers say, and whether all who pass it on can only
 * see it end at the same place (RFC 9112, 6.3): where a proxy and we do not, what
 * follows is taken for a request of somebody else's.  Pure.
 *
 * The library may add what stands in a folded line to the name of the field before it,
 * as 0.9.75 does: so what begins with one of these names counts as it. */
#ifndef WEB_LENGTH_H
#define WEB_LENGTH_H

#include <stdbool.h>
#include <stddef.h>

/* Begin with a struct of zeros. */
struct web_length {
    size_t lengths, codings, hosts;
    bool is_odd;   /* a name or a value that others may read otherwise */
    bool has_body; /* or what would be one */
};

/* One field of the header; `value` may be NULL. */
void web_length_add(struct web_length *length, const char *name, const char *value);
/* After all fields; `version` like "HTTP/1.1". */
bool web_length_is_ambiguous(const struct web_length *length, const char *version);

#endif
