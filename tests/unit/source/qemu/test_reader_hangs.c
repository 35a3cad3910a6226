/* Processes whose command lines do not come: those of others do. */
#include "source/qemu/reader.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "source/qemu/reads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <uv.h>

#include "unit/cmocka_any.h"
#include "unit/source/qemu/held_process.h"

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

static uv_loop_t loop;
static uv_timer_t tick; /* so that the loop never waits for long */
static struct mailbox *mailbox;
static struct qemu_reader *reader;
static unsigned int told[HELD_MAX]; /* by process, as a QEMU's */

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

static int
set_up(void **state)
{
    (void)state;
    processes_reset();
    warnings = infos = 0;
    named[0] = '\0';
    memset(told, 0, sizeof(told));
    uv_loop_init(&loop);
    mailbox = mailbox_new(&loop);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, ticked, 2, 2);
    reader = qemu_reader_start(mailbox);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    if (reader)
        assert_true(qemu_reader_stop(reader, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_drain(mailbox);
    mailbox_close(mailbox);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static void
note(void *context, const char *key, pid_t pid, const struct qemu_command *command)
{
    (void)context;
    (void)key;
    assert_non_null(command);
    told[pid]++;
}

static void
ask(pid_t pid)
{
    qemu_reader_ask(reader, pid, "k", note, NULL);
}

static void
release(pid_t pid)
{
    processes[pid].held = false;
    assert_int_equal(sem_post(&processes[pid].release), 0);
}

/* Reviews at a time at which whatever is read has taken too long, until the process is
 * told so often. */
static void
review_until_told(pid_t pid, unsigned int times)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (told[pid] < times && clock_monotonic_ns() < end_ns) {
        qemu_reader_review(reader, clock_monotonic_ns() + 6 * S);
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(told[pid], times);
}

/* As many as there may be, each of which has three sockets. */
static void
test_others_are_read(void **state)
{
    (void)state;
    for (pid_t pid = 1; pid < QEMU_READS_MAX; pid++) {
        processes[pid].held = true;
        for (int socket = 0; socket < 3; socket++)
            ask(pid);
    }
    ask(100);
    review_until_told(100, 1);
    ask(101);
    review_until_told(101, 1);
    for (pid_t pid = 1; pid < QEMU_READS_MAX; pid++)
        assert_int_equal(processes[pid].begun, 1);

    /* They come back, for each that has asked. */
    for (pid_t pid = 1; pid < QEMU_READS_MAX; pid++)
        release(pid);
    for (pid_t pid = 1; pid < QEMU_READS_MAX; pid++)
        review_until_told(pid, 3);
}

static void
test_it_is_asked_again_when_files_can_be_opened(void **state)
{
    (void)state;
    processes[7].error = EMFILE;
    ask(7);
    for (int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
         processes[7].begun < 3 && clock_monotonic_ns() < end_ns;) {
        qemu_reader_review(reader, clock_monotonic_ns());
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(told[7], 0);
    processes[7].error = 0;
    review_until_told(7, 1);
}

/* Neither what hangs nor what is for later is told after it. */
static void
test_the_end(void **state)
{
    (void)state;
    processes[7].held = true;
    ask(7);
    ask(7);
    ask(100);
    review_until_told(100, 1);
    assert_memory_equal(named, "k 7;", 4);
    assert_false(qemu_reader_stop(reader, clock_monotonic_ns()));
    reader = NULL;
    mailbox_drain(mailbox);
    release(7);
    while (infos == 0) /* else its thread would be there at the end of the process */
        uv_run(&loop, UV_RUN_ONCE);
    mailbox_drain(mailbox);
    assert_int_equal(told[7], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_others_are_read),
        TEST(test_it_is_asked_again_when_files_can_be_opened),
        TEST(test_the_end),
    };

    return cmocka_run_group_tests_name("qemu reader that hangs", tests, NULL, NULL);
}
