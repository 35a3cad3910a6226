/* Processes of the host, by /proc. */
#include "source/qemu/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

/* A child with these arguments; its pipe tells that it runs. */
static pid_t
start(const char *name)
{
    int ends[2];
    char byte;

    assert_int_equal(pipe2(ends, 0), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", name, "-c", "echo; read x", "-name", "web", "-pidfile",
              "/run/7.pid", NULL);
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void
end(pid_t pid)
{
    siginfo_t info;

    assert_int_equal(kill(pid, SIGKILL), 0);
    /* A zombie first. */
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(qemu_process_started(pid), -1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
test_a_qemu(void **state)
{
    struct qemu_command command;

    (void)state;
    /* What it waits for does not come. */
    int ends[2];

    assert_int_equal(pipe2(ends, 0), 0);
    assert_int_equal(dup2(ends[0], 0), 0);
    pid_t pid = start("/usr/bin/kvm");

    assert_true(qemu_process_started(pid) > 0);
    assert_true(qemu_process_started(pid) >= qemu_process_started(getpid()));
    assert_true(qemu_process_command(pid, &command));
    assert_string_equal(command.facts->title, "web");
    assert_string_equal(command.pid_file, "7.pid");
    domain_facts_unref(command.facts);
    end(pid);
    assert_int_equal(qemu_process_started(pid), -1);
    assert_false(qemu_process_command(pid, &command));
    close(ends[0]);
    close(ends[1]);
}

static void
test_others(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(qemu_process_started(getpid()) > 0);
    assert_false(qemu_process_command(getpid(), &command));
    assert_int_equal(qemu_process_started(-1), -1);
    assert_false(qemu_process_command(-1, &command));
}

/* Its name may hold what looks like fields. */
static void
test_a_name_with_blanks_and_brackets(void **state)
{
    int64_t started = qemu_process_started(getpid());

    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, "a) Z 1 (b"), 0);
    assert_int_equal(qemu_process_started(getpid()), started);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_qemu),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_a_name_with_blanks_and_brackets),
    };

    return cmocka_run_group_tests_name("qemu process", tests, NULL, NULL);
}
