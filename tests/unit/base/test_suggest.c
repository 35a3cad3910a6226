/* What somebody may have meant who mistyped a name. */
#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"interval", "timeout", "max_age", "enabled", NULL};

static void
test_nearest(void **state)
{
    static const char *const words[][2] = {
        {"interval", "interval"}, {"intervall", "interval"}, {"intrval", "interval"},
        {"imterval", "interval"}, {"itnerval", "interval"},  {"tiemout", "timeout"},
        {"maxage", "max_age"},    {"enable", "enabled"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_string_equal(suggest_nearest(words[i][0], names), words[i][1]);
}

static void
test_nothing_near(void **state)
{
    char longest[200];

    (void)state;
    assert_null(suggest_nearest("", names));
    assert_null(suggest_nearest("period", names));
    assert_null(suggest_nearest("tout", names)); /* three slips in four letters */
    /* Of three letters one may be wrong; two swapped neighbours are one slip. */
    assert_null(suggest_nearest("axy", (const char *const[]){"abc", NULL}));
    assert_non_null(suggest_nearest("acb", (const char *const[]){"abc", NULL}));
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(suggest_nearest(longest, names));

    /* A name that is too long is passed over, and the ones behind it are not. */
    const char *const two[] = {longest, "interval", NULL};

    assert_string_equal(suggest_nearest("intervl", two), "interval");
}

static void
test_the_nearest_of_several(void **state)
{
    static const char *const near[] = {"socket", "sockets", "rocket", NULL};

    (void)state;
    assert_string_equal(suggest_nearest("sockets", near), "sockets");
    assert_string_equal(suggest_nearest("rockt", near), "rocket");
    assert_string_equal(suggest_nearest("xocket", near), "socket"); /* the first */
}

static void
test_remedy(void **state)
{
    char out[80], small[16];

    (void)state;
    suggest_remedy("timeuot", names, out, sizeof(out));
    assert_string_equal(out, "did you mean \"timeout\"?");
    suggest_remedy("period", names, out, sizeof(out));
    assert_string_equal(out, "known are: interval, timeout, max_age, enabled");

    memset(small, '#', sizeof(small));
    suggest_remedy("period", names, small, sizeof(small) - 1);
    assert_string_equal(small, "known are: int");
    assert_int_equal(small[sizeof(small) - 1], '#');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nothing_near),
        cmocka_unit_test(test_the_nearest_of_several),
        cmocka_unit_test(test_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
