/* What a thread is started with. */
#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STACK_BYTES ((size_t)512 << 10)

struct seen {
    pthread_barrier_t named;
    sigset_t blocked;
    size_t stack_bytes;
    char name[16];
};

static void *
look_around(void *argument)
{
    struct seen *seen = argument;
    pthread_attr_t attributes;

    (void)pthread_barrier_wait(&seen->named);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    (void)pthread_getattr_np(pthread_self(), &attributes);
    (void)pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
    (void)pthread_attr_destroy(&attributes);
    return NULL;
}

static struct seen
start_and_join(size_t stack_bytes)
{
    struct seen seen = {.name = ""};
    pthread_t thread;

    assert_int_equal(pthread_barrier_init(&seen.named, NULL, 2), 0);
    assert_int_equal(
        thread_start(&thread, "looks-around", stack_bytes, look_around, &seen), 0);
    (void)pthread_barrier_wait(&seen.named);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_barrier_destroy(&seen.named);
    return seen;
}

static void
test_a_thread_takes_no_signals(void **state)
{
    struct seen seen = start_and_join(0);
    sigset_t own;

    (void)state;
    assert_int_equal(sigismember(&seen.blocked, SIGTERM), 1);
    assert_int_equal(sigismember(&seen.blocked, SIGHUP), 1);
    /* ... and who has started it still does. */
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &own), 0);
    assert_int_equal(sigismember(&own, SIGTERM), 0);
}

static void
test_a_thread_has_its_name_and_stack(void **state)
{
    struct seen usual = start_and_join(0), small = start_and_join(STACK_BYTES);

    (void)state;
    assert_string_equal(small.name, "looks-around");
    assert_true(small.stack_bytes >= STACK_BYTES / 2);
    assert_true(small.stack_bytes <= 2 * STACK_BYTES);
    assert_true(usual.stack_bytes > 2 * STACK_BYTES);
}

static void
test_a_thread_that_cannot_be(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(thread_start(&thread, "huge", SIZE_MAX / 4, look_around, NULL),
                     -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_takes_no_signals),
        cmocka_unit_test(test_a_thread_has_its_name_and_stack),
        cmocka_unit_test(test_a_thread_that_cannot_be),
    };

    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
