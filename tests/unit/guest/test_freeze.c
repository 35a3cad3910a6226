/* Frozen or disabled: what an agent says, and what it refuses. */
#include "guest/freeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

enum { VCPU, OS };

static void
refused(struct freeze *freeze, int64_t now_ns, enum failure_kind expected)
{
    assert_int_equal(freeze_explain(freeze, VCPU, now_ns), expected);
    if (expected == FAILURE_FROZEN)
        freeze_note_refusal(freeze, VCPU, now_ns);
}

static void
test_the_first_refusal_may_be_a_freezes(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    refused(&freeze, 1 * S, FAILURE_FROZEN);
    refused(&freeze, 2 * S, FAILURE_FROZEN); /* nobody has asked yet */
    freeze_learn(&freeze, false, 3 * S);
    refused(&freeze, 4 * S, FAILURE_DISABLED);
    /* Each command is asked about. */
    assert_int_equal(freeze_explain(&freeze, OS, 4 * S), FAILURE_FROZEN);
}

/* That it was thawed before the refusal says nothing of it. */
static void
test_a_thaw_before_the_refusal_explains_nothing(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    freeze_learn(&freeze, false, 2 * S);
    refused(&freeze, 2 * S, FAILURE_FROZEN);
    refused(&freeze, 3 * S, FAILURE_FROZEN);
}

static void
test_an_old_word_is_believed_after_three(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    refused(&freeze, 1 * S, FAILURE_FROZEN);
    freeze_learn(&freeze, false, 2 * S);
    refused(&freeze, 12 * S, FAILURE_FROZEN); /* 10 s later: a freeze may have begun */
    refused(&freeze, 60 * S, FAILURE_FROZEN);
    refused(&freeze, 120 * S, FAILURE_DISABLED);
}

static void
test_what_has_worked_is_asked_about_anew(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    refused(&freeze, 1 * S, FAILURE_FROZEN);
    freeze_learn(&freeze, false, 2 * S);
    freeze_worked(&freeze, VCPU);
    refused(&freeze, 3 * S, FAILURE_FROZEN);
}

/* Backup after backup: the refusals of one say nothing in the next. */
static void
test_a_freeze_explains_what_was_refused(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    refused(&freeze, 1 * S, FAILURE_FROZEN);
    freeze_learn(&freeze, true, 2 * S);
    refused(&freeze, 3 * S, FAILURE_FROZEN);
    freeze_learn(&freeze, true, 4 * S);
    freeze_learn(&freeze, false, 5 * S);
    refused(&freeze, 6 * S, FAILURE_FROZEN);
}

static void
steps_are(const struct freeze *freeze, int64_t now_ns, enum failure_kind outcome,
          enum freeze_step unrestricted, enum freeze_step restricted)
{
    assert_int_equal(freeze_step(freeze, outcome, false, false, now_ns), unrestricted);
    assert_int_equal(freeze_step(freeze, outcome, true, false, now_ns), restricted);
}

static void
test_steps(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    steps_are(&freeze, 1 * S, FAILURE_NONE, FREEZE_NO_STEP, FREEZE_NO_STEP);
    steps_are(&freeze, 1 * S, FAILURE_TIMEOUT, FREEZE_NO_STEP, FREEZE_NO_STEP);
    steps_are(&freeze, 1 * S, FAILURE_FROZEN, FREEZE_ASK, FREEZE_NO_STEP);
    freeze_learn(&freeze, true, 2 * S);
    steps_are(&freeze, 2 * S, FAILURE_NONE, FREEZE_ASK, FREEZE_NO_STEP);
    steps_are(&freeze, 2 * S, FAILURE_TIMEOUT, FREEZE_ASK, FREEZE_NO_STEP);
    freeze_learn(&freeze, false, 3 * S);
    steps_are(&freeze, 3 * S, FAILURE_NONE, FREEZE_NO_STEP, FREEZE_OVER);
    steps_are(&freeze, 3 * S, FAILURE_FROZEN, FREEZE_ASK, FREEZE_OVER);
    /* The word is old: it is asked for another. */
    steps_are(&freeze, 13 * S, FAILURE_TIMEOUT, FREEZE_NO_STEP, FREEZE_NO_STEP);
}

/* Status says thawed, all others say frozen: such an agent is not asked without end. */
static void
test_an_agent_that_contradicts_itself_is_not_asked_at_once(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    assert_int_equal(freeze_step(&freeze, FAILURE_FROZEN, false, true, 1 * S),
                     FREEZE_ASK);
    freeze_learn(&freeze, false, 2 * S);
    assert_int_equal(freeze_step(&freeze, FAILURE_FROZEN, false, true, 3 * S),
                     FREEZE_ASK_LATER);
    assert_int_equal(freeze_step(&freeze, FAILURE_FROZEN, false, false, 3 * S),
                     FREEZE_ASK);
}

/* The question does harm in such a guest, say. */
static void
test_what_must_not_be_asked(void **state)
{
    struct freeze freeze = {0};

    (void)state;
    freeze_learn(&freeze, true, 1 * S);
    freeze_may_be_asked(&freeze, false);
    assert_false(freeze.frozen);
    for (int i = 2; i < 5; i++) {
        refused(&freeze, i * S, FAILURE_FROZEN);
        steps_are(&freeze, i * S, FAILURE_FROZEN, FREEZE_NO_STEP, FREEZE_NO_STEP);
    }
    refused(&freeze, 5 * S, FAILURE_DISABLED);
    freeze_may_be_asked(&freeze, true);
    steps_are(&freeze, 6 * S, FAILURE_FROZEN, FREEZE_ASK, FREEZE_NO_STEP);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_refusal_may_be_a_freezes),
        cmocka_unit_test(test_a_thaw_before_the_refusal_explains_nothing),
        cmocka_unit_test(test_an_old_word_is_believed_after_three),
        cmocka_unit_test(test_what_has_worked_is_asked_about_anew),
        cmocka_unit_test(test_a_freeze_explains_what_was_refused),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_an_agent_that_contradicts_itself_is_not_asked_at_once),
        cmocka_unit_test(test_what_must_not_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
