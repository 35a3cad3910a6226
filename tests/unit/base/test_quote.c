/* What came from outside, for a sentence. */
#include "base/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
it_is_short_and_printable(void **state)
{
    char out[QUOTE_BYTES], longer[2 * QUOTE_BYTES];

    (void)state;
    assert_string_equal(quote("", out), "");
    assert_string_equal(quote("web-1 ~", out), "web-1 ~");
    assert_string_equal(quote("a\"\n\x1b\x7f\xc3\xa9z", out), "a??????z");
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(strlen(quote(longer, out)), QUOTE_BYTES - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_short_and_printable)};

    return cmocka_run_group_tests_name("quote", tests, NULL, NULL);
}
