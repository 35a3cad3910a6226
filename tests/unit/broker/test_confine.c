/* Code in the process that reads, which tries more than it may: each try is made in a
 * process of its own that was confined, and so is what must go on working. */
#include "broker/confine.h"

#include "kit/failure.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "unit/broker/attempts.h"
#include "unit/broker/stage.h"

/* --- what may not be done --- */

static void
test_calls_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(by_calls) / sizeof(*by_calls); i++) {
        int status = confined(by_calls[i].attempt, confine_calls);

        if (status != EPERM && status != ENOSYS)
            fail_msg("%s: %d, %s", by_calls[i].name, status, strerror(status));
    }
}

/* --- what must go on --- */

/* The daemon's was made before, and turns on. */
static uv_loop_t loop;
static int ends[2];

static bool
confine_a_loop(struct failure *why)
{
    return confine_loops(why) && uv_loop_init(&loop) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 &&
           confine_calls(why);
}

static void
take(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    (void)uv_poll_stop(poll);
}

static int
turn_the_loop(void)
{
    uv_poll_t poll;

    if (uv_poll_init(&loop, &poll, ends[0]) != 0 ||
        uv_poll_start(&poll, UV_READABLE, take) != 0 || write(ends[1], "x", 1) != 1)
        return -1;
    return uv_run(&loop, UV_RUN_DEFAULT) == 0 ? 0 : -1;
}

static void
test_what_goes_on(void **state)
{
    (void)state;
    assert_int_equal(confined(start_a_thread, confine_calls), 0);
    assert_int_equal(confined(read_a_file, confine_calls), 0);
    assert_int_equal(confined(listen_anew, confine_calls), 0);
    assert_int_equal(confined(allocate, confine_calls), 0);
    assert_int_equal(confined(read_the_clocks_error, confine_calls), 0);
    assert_int_equal(confined(turn_the_loop, confine_a_loop), 0);
}

/* --- files --- */

static bool
confine_to_stage(struct failure *why)
{
    const char *const readable[] = {stage.readable, "/nowhere", NULL}, *const none[] = {
                                                                           NULL};

    return confine_files(readable, none, why);
}

/* A kernel without Landlock is no failure of ours; that it has none is seen. */
static void
test_files(void **state)
{
    int outside = confined(read_outside, confine_to_stage);

    (void)state;
    assert_int_equal(confined(read_a_file, confine_to_stage), 0);
    if (outside == 0) {
        print_message("the kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(outside, EACCES);
    assert_int_equal(confined(write_a_file, confine_to_stage), EACCES);
    assert_int_equal(confined(make_a_file, confine_to_stage), EACCES);
    assert_int_equal(confined(read_passwords, confine_to_stage), EACCES);
    assert_int_equal(confined(read_the_parents_memory, confine_to_stage), EACCES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_refused),
        cmocka_unit_test(test_what_goes_on),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
