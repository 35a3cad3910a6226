/* JSON that an agent has written well but for a character or a number: what is odd
 * costs itself, and the rest can be read.  Pure. */
#ifndef AGENT_MEND_H
#define AGENT_MEND_H

#include <stddef.h>

/* A copy, closed by a NUL, in which
 *   a byte that is no UTF-8, \u0000 and half a surrogate pair are U+FFFD;
 *   a number beyond the largest double is GUEST_JSON_TOO_LARGE.
 * NULL: there is nothing of that, or a NUL, which would end the text too early.  In
 * time and memory linear in `length`; at most three times as long. */
char *mend_json(const char *bytes, size_t length);

#endif
