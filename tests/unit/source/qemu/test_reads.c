/* Command lines that are being read: none twice, and not more than there may be. */
#include "source/qemu/reads.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "unit/cmocka_any.h"
#include "unit/source/qemu/held_process.h"

struct reader {
    struct qemu_reads *reads;
    pid_t pid;
    pthread_t thread;
    enum qemu_read outcome;
};

static int
set_up(void **state)
{
    processes_reset();
    warnings = infos = 0;
    named[0] = '\0';
    *state = qemu_reads_new();
    return 0;
}

static int
tear_down(void **state)
{
    qemu_reads_free(*state);
    return 0;
}

static enum qemu_read
read_command(struct qemu_reads *reads, pid_t pid)
{
    struct qemu_command command = {.facts = NULL};
    enum qemu_read outcome = qemu_reads_command(reads, "web", pid, &command);

    domain_facts_unref(command.facts);
    return outcome;
}

static void *
read_elsewhere(void *argument)
{
    struct reader *reader = argument;

    reader->outcome = read_command(reader->reads, reader->pid);
    return NULL;
}

/* Returns when it is being read, and hangs. */
static void
hold(struct qemu_reads *reads, struct reader *reader, pid_t pid)
{
    processes[pid].held = true;
    *reader = (struct reader){.reads = reads, .pid = pid};
    assert_int_equal(pthread_create(&reader->thread, NULL, read_elsewhere, reader), 0);
    while (processes[pid].begun == 0)
        sched_yield();
}

static void
release(struct reader *reader)
{
    processes[reader->pid].held = false;
    assert_int_equal(sem_post(&processes[reader->pid].release), 0);
    assert_int_equal(pthread_join(reader->thread, NULL), 0);
    assert_int_equal(reader->outcome, QEMU_READ_FOUND);
}

static void
test_none_twice(void **state)
{
    struct qemu_reads *reads = *state;
    struct reader reader;

    hold(reads, &reader, 7);
    assert_int_equal(read_command(reads, 7), QEMU_READ_LATER);
    assert_int_equal(processes[7].begun, 1);
    assert_int_equal(read_command(reads, 8), QEMU_READ_FOUND);
    release(&reader);
    assert_int_equal(read_command(reads, 7), QEMU_READ_FOUND);
    assert_int_equal(warnings + infos, 0); /* it was not given up */
}

/* Each is named once, and once more when it is over. */
static void
test_those_that_hang(void **state)
{
    struct qemu_reads *reads = *state;
    struct reader first, second;

    assert_false(qemu_reads_give_up(reads));
    hold(reads, &first, 7);
    assert_int_equal(qemu_reads_hanging(reads), 0);
    assert_true(qemu_reads_give_up(reads));
    assert_false(qemu_reads_give_up(reads));
    assert_string_equal(named, "web 7;");
    hold(reads, &second, 9);
    assert_true(qemu_reads_give_up(reads));
    assert_string_equal(named, "web 7;web 9;");
    assert_int_equal(qemu_reads_hanging(reads), 2);
    assert_int_equal(infos, 0);
    release(&first);
    assert_int_equal(infos, 1);
    assert_int_equal(qemu_reads_hanging(reads), 1);
    release(&second);
    assert_int_equal(qemu_reads_hanging(reads), 0);
    assert_int_equal(warnings, 2);
}

static void
test_as_many_as_there_may_be(void **state)
{
    struct qemu_reads *reads = *state;
    struct reader readers[QEMU_READS_MAX];

    for (int i = 0; i < QEMU_READS_MAX; i++)
        hold(reads, &readers[i], i + 1);
    assert_int_equal(read_command(reads, 100), QEMU_READ_LATER);
    assert_int_equal(processes[100].begun, 0);
    release(&readers[3]);
    assert_int_equal(read_command(reads, 100), QEMU_READ_FOUND);
    for (int i = 0; i < QEMU_READS_MAX; i++) {
        if (i != 3)
            release(&readers[i]);
    }
}

/* What cannot be opened now is no answer. */
static void
test_failures(void **state)
{
    static const struct {
        int error;
        enum qemu_read outcome;
    } cases[] = {
        {ENOENT, QEMU_READ_NONE},  {ESRCH, QEMU_READ_NONE},   {EACCES, QEMU_READ_NONE},
        {EINVAL, QEMU_READ_NONE},  {EMFILE, QEMU_READ_LATER}, {ENFILE, QEMU_READ_LATER},
        {ENOMEM, QEMU_READ_LATER}, {0, QEMU_READ_FOUND},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        processes[7].error = cases[i].error;
        assert_int_equal(read_command(*state, 7), cases[i].outcome);
    }
    assert_false(qemu_reads_give_up(*state)); /* none is under way */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_none_twice),
        TEST(test_those_that_hang),
        TEST(test_as_many_as_there_may_be),
        TEST(test_failures),
    };

    return cmocka_run_group_tests_name("qemu reads", tests, NULL, NULL);
}
