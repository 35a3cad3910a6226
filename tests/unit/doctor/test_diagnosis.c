/* Rows and what their findings mean. */
#include "doctor/diagnosis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_well(void **state)
{
    struct doctor_row row = {.findings_count = 2};

    (void)state;
    assert_true(doctor_row_is_well(&row)); /* two notes */
    row.findings[1].is_fault = true;
    assert_false(doctor_row_is_well(&row));
    row.findings_count = 1; /* what is behind does not count */
    assert_true(doctor_row_is_well(&row));
}

static void
test_failed_step(void **state)
{
    struct doctor_row row = {.findings_count = 0};

    (void)state;
    assert_null(doctor_row_failed_step(&row));
    row.steps[STEP_CHANNEL] = row.steps[STEP_SERVICE] = MARK_PASSED;
    assert_null(doctor_row_failed_step(&row));
    row.steps[STEP_ANSWER] = MARK_FAILED;
    assert_string_equal(doctor_row_failed_step(&row), "answer");
    row.steps[STEP_SERVICE] = MARK_FAILED; /* the first that failed */
    assert_string_equal(doctor_row_failed_step(&row), "service");
    row.steps[STEP_CHANNEL] = MARK_FAILED;
    assert_string_equal(doctor_row_failed_step(&row), "channel");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),
        cmocka_unit_test(test_failed_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
