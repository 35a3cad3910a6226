/* The host's clocks as one number. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct timespec monotonic, realtime;

/* Stands before libc's, and for cmocka's too. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
    *now = clock == CLOCK_REALTIME ? realtime : monotonic;
    return 0;
}

static void
test_clocks(void **state)
{
    (void)state;
    monotonic = (struct timespec){.tv_sec = 7, .tv_nsec = 1};
    realtime = (struct timespec){.tv_sec = 1700000000, .tv_nsec = 999999999};
    assert_true(clock_monotonic_ns() == INT64_C(7000000001));
    assert_true(clock_realtime_ns() == INT64_C(1700000000999999999));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clocks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
