/* Which of two times comes first. */
#ifndef GUEST_TIMES_H
#define GUEST_TIMES_H

#include <stdint.h>

static inline int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
