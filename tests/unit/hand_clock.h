/* The clock in the test's hand: no time passes but what the test lets pass, for the
 * code under test and for the libraries that it uses (libuv, libmicrohttpd), since a
 * program's own functions stand before libc's.  For the file of a test's main() alone.
 */
#ifndef HAND_CLOCK_H
#define HAND_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

static atomic_int_least64_t hand_clock_ns = INT64_C(1000000000000);

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t now_ns = atomic_load(&hand_clock_ns);

    (void)clock;
    now->tv_sec = now_ns / 1000000000;
    now->tv_nsec = now_ns % 1000000000;
    return 0;
}

static inline void
hand_clock_pass(int64_t ns)
{
    atomic_fetch_add(&hand_clock_ns, ns);
}

#endif
