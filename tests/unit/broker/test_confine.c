/* Code in the process that reads, which tries more than it may: each try is made in a
 * process of its own that was confined, and so is what must go on working. */
#include "broker/confine.h"

#include "base/thread.h"
#include "kit/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "unit/broker/stage.h"

/* --- what may not be done --- */

static int
connect_to_a_daemon(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(fd, (const struct sockaddr *)&stage.address, sizeof(stage.address));
}

static int
connect_what_was_open(void)
{
    return connect(stage.client, (const struct sockaddr *)&stage.address,
                   sizeof(stage.address));
}

static int
connect_by_the_way(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, sizeof(address)) < 0
               ? -1
               : 0;
}

static int
send_datagrams(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static int
send_to_a_local_daemon(void)
{
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static int
send_by_what_was_open(void)
{
    return sendto(stage.client, "x", 1, MSG_NOSIGNAL,
                  (const struct sockaddr *)&stage.address, sizeof(stage.address)) < 0
               ? -1
               : 0;
}

static int
talk_to_the_kernel(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static int
run_a_program(void)
{
    char program[] = "true", *const arguments[] = {program, NULL};

    return execv("/bin/true", arguments);
}

static int
start_a_process(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : 0;
}

static int
kill_the_parent(void)
{
    return kill(stage.parent, 0);
}

/* As the kernel would send it when something comes. */
static int
kill_by_a_descriptor(void)
{
    return fcntl(stage.client, F_SETOWN, stage.parent);
}

static int
choose_a_signal(void)
{
    return fcntl(stage.client, F_SETSIG, SIGKILL);
}

static int
change_a_mode(void)
{
    return chmod(stage.outside, 0777);
}

static int
talk_sctp(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP) < 0 ? -1 : 0;
}

static int
trace_the_parent(void)
{
    return ptrace(PTRACE_SEIZE, stage.parent, NULL, NULL) < 0 ? -1 : 0;
}

static int
read_the_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&stage, 1};

    return process_vm_readv(stage.parent, &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}

static int
write_a_file(void)
{
    return open(stage.inside, O_WRONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int
make_a_file(void)
{
    char path[PATH_BYTES + 8];

    (void)snprintf(path, sizeof(path), "%s.new", stage.inside);
    return open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? -1 : 0;
}

static int
rename_a_file(void)
{
    return rename(stage.inside, stage.outside);
}

static int
have_more_memory(void)
{
    const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    return setrlimit(RLIMIT_DATA, &limit);
}

static void
test_calls_are_refused(void **state)
{
    static const struct {
        const char *name;
        int (*attempt)(void);
    } attempts[] = {
        {"connect", connect_to_a_daemon},
        {"connect an open socket", connect_what_was_open},
        {"connect by a datagram's flag", connect_by_the_way},
        {"a datagram socket", send_datagrams},
        {"a local datagram socket", send_to_a_local_daemon},
        {"sendto an address", send_by_what_was_open},
        {"a netlink socket", talk_to_the_kernel},
        {"execve", run_a_program},
        {"fork", start_a_process},
        {"kill", kill_the_parent},
        {"F_SETOWN", kill_by_a_descriptor},
        {"F_SETSIG", choose_a_signal},
        {"chmod", change_a_mode},
        {"an SCTP socket", talk_sctp},
        {"ptrace", trace_the_parent},
        {"process_vm_readv", read_the_parent},
        {"open to write", write_a_file},
        {"open a new one", make_a_file},
        {"rename", rename_a_file},
        {"setrlimit", have_more_memory},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
        int status = confined(attempts[i].attempt, confine_calls);

        if (status != EPERM && status != ENOSYS)
            fail_msg("%s: %d, %s", attempts[i].name, status, strerror(status));
    }
}

/* --- what must go on --- */

static void *
be_a_thread(void *argument)
{
    return argument;
}

static int
start_a_thread(void)
{
    pthread_t thread;
    void *result = NULL;

    if (thread_start(&thread, "a-thread", 0, be_a_thread, &stage) != 0)
        return -1;
    (void)pthread_join(thread, &result);
    return result == &stage ? 0 : -1;
}

static int
read_a_file(void)
{
    return open(stage.inside, O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int
allocate(void)
{
    char *memory = malloc((size_t)64 * 1024 * 1024);

    if (!memory)
        return -1;
    memset(memory, 1, (size_t)64 * 1024 * 1024);
    free(memory);
    return 0;
}

static int
read_the_clocks_error(void)
{
    struct timex clock = {.modes = 0};

    return adjtimex(&clock) < 0 ? -1 : 0;
}

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

static int
read_outside(void)
{
    return open(stage.outside, O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int
read_passwords(void)
{
    return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int
read_the_parents_memory(void)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%ld/mem", (long)stage.parent);
    return open(path, O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
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
