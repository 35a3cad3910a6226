/* Parameters of a URL: which one it is, and the words of a refusal. */
#include "base/parameter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"sort", "page", NULL};

static void
what_is_known_has_its_index(void **state)
{
    char problem[PARAMETER_PROBLEM_BYTES] = "";

    (void)state;
    assert_int_equal(parameter_find(problem, "page", names), 1);
    assert_int_equal(parameter_choose(problem, "order", "sort", names), 0);
    assert_string_equal(problem, "");
}

static void
what_is_unknown_is_refused_with_a_remedy(void **state)
{
    char problem[PARAMETER_PROBLEM_BYTES] = "";

    (void)state;
    assert_int_equal(parameter_find(problem, "pagr", names), -1);
    assert_string_equal(problem, "pagr is no parameter: did you mean \"page\"?");
    assert_int_equal(parameter_choose(problem, "order", "\x1b", names), -1);
    assert_string_equal(problem, "order=? is not good: known are: sort, page");
    parameter_refuse(problem, "page", "0", "write another");
    assert_string_equal(problem, "page=0 is not good: write another");
}

static void
the_first_problem_stays(void **state)
{
    char problem[PARAMETER_PROBLEM_BYTES] = "bad";

    (void)state;
    assert_int_equal(parameter_find(problem, "page", names), -1);
    assert_int_equal(parameter_find(problem, "x", names), -1);
    assert_string_equal(problem, "bad");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_has_its_index),
        cmocka_unit_test(what_is_unknown_is_refused_with_a_remedy),
        cmocka_unit_test(the_first_problem_stays),
    };

    return cmocka_run_group_tests_name("parameter", tests, NULL, NULL);
}
