/* Parts that end: by whom, how, and how often. */
#include "separate_lives.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define EXITED(status) W_EXITCODE(status, 0)
#define KILLED W_EXITCODE(0, SIGKILL)

static enum fate
start_and_end(struct lives *lives, bool begins, int status, int64_t now_ns)
{
    lives_start(lives);
    if (begins)
        lives_begin(lives);
    return lives_end(lives, status, now_ns);
}

static void
what_cannot_begin_ends_all(void **state)
{
    struct lives lives = {.ends = 0}, killed = {.ends = 0};

    (void)state;
    assert_int_equal(start_and_end(&lives, false, EXITED(2), S), FATE_ALL_END);
    /* It had no reason of its own; the next one has. */
    assert_int_equal(start_and_end(&killed, false, KILLED, S), FATE_AGAIN);
    assert_int_equal(start_and_end(&killed, false, EXITED(1), S), FATE_ALL_END);
}

/* Whoever has taken it over may choose any. */
static void
no_status_of_one_that_has_begun_ends_all(void **state)
{
    static const int statuses[] = {EXITED(0), EXITED(1), EXITED(2), EXITED(255),
                                   KILLED};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        struct lives lives = {.ends = 0};

        assert_int_equal(start_and_end(&lives, true, statuses[i], S), FATE_AGAIN);
    }
}

/* A configuration that was broken meanwhile may be mended. */
static void
what_cannot_begin_again_waits(void **state)
{
    struct lives lives = {.ends = 0};

    (void)state;
    assert_int_equal(start_and_end(&lives, true, KILLED, S), FATE_AGAIN);
    assert_int_equal(start_and_end(&lives, false, EXITED(2), S), FATE_AGAIN_LATER);
    assert_int_equal(start_and_end(&lives, false, KILLED, S), FATE_AGAIN);
    assert_int_equal(start_and_end(&lives, true, EXITED(2), S), FATE_AGAIN);
}

/* However it ends; those that could not begin are among them. */
static void
six_in_a_minute_are_too_many(void **state)
{
    struct lives lives = {.ends = 0};

    (void)state;
    for (int64_t i = 0; i < LIVES_ENDS_MAX; i++)
        assert_int_equal(start_and_end(&lives, i % 2 == 0, EXITED(2), i * S),
                         i % 2 == 0 ? FATE_AGAIN : FATE_AGAIN_LATER);
    assert_int_equal(start_and_end(&lives, true, EXITED(0), 59 * S), FATE_NO_MORE);
    assert_int_equal(start_and_end(&lives, true, KILLED, 62 * S), FATE_AGAIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_begin_ends_all),
        cmocka_unit_test(no_status_of_one_that_has_begun_ends_all),
        cmocka_unit_test(what_cannot_begin_again_waits),
        cmocka_unit_test(six_in_a_minute_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
