/* The user and the rights that a confined process has left. */
#include "broker/confine.h"

#include "unit/broker/stage.h"

#include <seccomp.h>
#include <sys/timex.h>

static bool
become_nobody(struct failure *why)
{
    return confine_user("nobody", why);
}

static int
be_root_again(void)
{
    return setuid(0);
}

static int
still_be_root(void)
{
    errno = EPERM;
    return getuid() == 0 || geteuid() == 0 || getegid() == 0 || getgroups(0, NULL) != 0
               ? -1
               : 0;
}

static void
test_the_user(void **state)
{
    struct failure why;

    (void)state;
    assert_false(confine_user("no-such-user", &why));
    assert_non_null(strstr(why.text, "no such user"));
    if (getuid() != 0)
        skip();
    assert_int_equal(confined(still_be_root, become_nobody), 0);
    assert_int_equal(confined(be_root_again, become_nobody), EPERM);
}

/* --- rights --- */

static int
set_the_clock(void)
{
    struct timex clock = {.modes = ADJ_TICK, .tick = 10000};

    return adjtimex(&clock) < 0 ? -1 : 0;
}

static int
give_a_file_away(void)
{
    return chown(stage.inside, 1, 1) < 0 ? -1 : 0;
}

static void
test_rights(void **state)
{
    (void)state;
    assert_int_equal(confined(set_the_clock, confine_rights), EPERM);
    assert_int_equal(confined(give_a_file_away, confine_rights), EPERM);
    assert_int_equal(confined(listen_anew, confine_rights), 0);
}

/* A service's unit has taken them away, and lets nobody set any. */
static bool
confine_rights_for_good(struct failure *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool is_loaded =
        confine_rights(why) &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(capset), 0) == 0 &&
        seccomp_load(filter) == 0;

    seccomp_release(filter);
    return is_loaded;
}

static int
give_up_what_is_not_held(void)
{
    struct failure why;

    return confine_rights(&why) ? 0 : -1;
}

static void
test_rights_that_are_not_held(void **state)
{
    (void)state;
    assert_int_equal(confined(give_up_what_is_not_held, confine_rights_for_good), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_user),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_rights_that_are_not_held),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
