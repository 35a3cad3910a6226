/* Command lines that are read on a lane. */
#include "source/qemu/reader.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define PATIENCE_NS                                                                    \
    (INT64_C(60) * 1000 * 1000 * 1000) /* only ends a test that hangs                  \
                                        */

/* Of which the system may have none left. */
static bool no_threads;

int
thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
             void *(*run)(void *argument), void *argument)
{
    (void)name;
    (void)stack_bytes;
    return no_threads || pthread_create(thread, NULL, run, argument) != 0 ? -1 : 0;
}

struct world {
    uv_loop_t loop;
    uv_timer_t tick; /* so that the loop never waits for long */
    struct mailbox *mailbox;
    struct qemu_reader *reader;
    int done;
};

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    uv_loop_init(&world->loop);
    world->mailbox = mailbox_new(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    world->reader = qemu_reader_start(world->mailbox);
    *state = world;
    return 0;
}

static void
stop(struct world *world)
{
    if (world->reader)
        assert_true(
            qemu_reader_stop(world->reader, clock_monotonic_ns() + PATIENCE_NS));
    world->reader = NULL;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    stop(world);
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

static void
note(void *context, const char *key, pid_t pid, const struct qemu_command *command)
{
    struct world *world = context;

    assert_string_equal(key, "k");
    assert_int_equal(pid, getpid());
    assert_null(command); /* a test is no QEMU */
    world->done++;
}

static void
test_it_comes_later(void **state)
{
    struct world *world = *state;
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
    char key[] = "k";

    qemu_reader_ask(world->reader, getpid(), key, note, world);
    key[0] = 'x'; /* it is copied */
    assert_int_equal(world->done, 0);
    while (world->done == 0 && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->done, 1);
}

/* Also what was read before, and not handed over. */
static void
test_nothing_comes_after_the_end(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 50; i++)
        qemu_reader_ask(world->reader, getpid(), "k", note, world);
    stop(world);
    mailbox_drain(world->mailbox);
    assert_int_equal(world->done, 0);
}

static void
test_a_thread_that_could_not_be_started_is_tried_again(void **state)
{
    struct world *world = *state;
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    stop(world);
    no_threads = true;
    world->reader = qemu_reader_start(world->mailbox);
    qemu_reader_ask(world->reader, getpid(), "k", note, world);
    qemu_reader_review(world->reader, clock_monotonic_ns());
    no_threads = false;
    qemu_reader_review(world->reader, clock_monotonic_ns());
    while (world->done == 0 && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->done, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_comes_later),
        TEST(test_nothing_comes_after_the_end),
        TEST(test_a_thread_that_could_not_be_started_is_tried_again),
    };

    return cmocka_run_group_tests_name("qemu reader", tests, NULL, NULL);
}
