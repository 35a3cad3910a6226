/* cmocka, as its version 1: version 2 has a macro stop(), and calls assert_in_range
 * deprecated. */
#ifndef UNIT_CMOCKA_ANY_H
#define UNIT_CMOCKA_ANY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef stop
#ifdef assert_int_in_range
#undef assert_in_range
#define assert_in_range(value, minimum, maximum)                                       \
    assert_int_in_range((intmax_t)(value), (intmax_t)(minimum), (intmax_t)(maximum))
#endif

#endif
