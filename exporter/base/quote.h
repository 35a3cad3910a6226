/* What came from outside, for a sentence.  Pure. */
#ifndef BASE_QUOTE_H
#define BASE_QUOTE_H

#include <stddef.h>

#define QUOTE_BYTES 48

/* Cut, and printable ASCII without quotes only; returns `out`. */
const char *quote(const char *text, char out[QUOTE_BYTES]);

#endif
