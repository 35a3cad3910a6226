/* How Prometheus' text format spells a number.  Pure. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>

#define NUMBER_BYTES 32

/* Integers without exponent up to 2^53, else the shortest decimal that reads back as
 * the same double; NaN, +Inf, -Inf.  Returns the length; no NUL is written. */
size_t number_format(double value, char out[NUMBER_BYTES]);

#endif
