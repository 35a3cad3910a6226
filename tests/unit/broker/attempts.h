/* What code in the process that reads might try.  For the file of a test's main()
 * alone. */
#ifndef UNIT_BROKER_ATTEMPTS_H
#define UNIT_BROKER_ATTEMPTS_H

#include "broker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/broker/stage.h"

/* --- what calls alone refuse --- */

static inline int
connect_to_a_daemon(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(fd, (const struct sockaddr *)&stage.address, sizeof(stage.address));
}

static inline int
connect_what_was_open(void)
{
    return connect(stage.client, (const struct sockaddr *)&stage.address,
                   sizeof(stage.address));
}

static inline int
connect_by_the_way(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, sizeof(address)) < 0
               ? -1
               : 0;
}

static inline int
send_datagrams(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static inline int
send_to_a_local_daemon(void)
{
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static inline int
send_by_what_was_open(void)
{
    return sendto(stage.client, "x", 1, MSG_NOSIGNAL,
                  (const struct sockaddr *)&stage.address, sizeof(stage.address)) < 0
               ? -1
               : 0;
}

static inline int
talk_to_the_kernel(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static inline int
run_a_program(void)
{
    char program[] = "true", *const arguments[] = {program, NULL};

    return execv("/bin/true", arguments);
}

static inline int
start_a_process(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : 0;
}

static inline int
kill_the_parent(void)
{
    return kill(stage.parent, 0);
}

/* As the kernel would send it when something comes. */
static inline int
kill_by_a_descriptor(void)
{
    return fcntl(stage.client, F_SETOWN, stage.parent);
}

static inline int
choose_a_signal(void)
{
    return fcntl(stage.client, F_SETSIG, SIGKILL);
}

static inline int
change_a_mode(void)
{
    return chmod(stage.outside, 0777);
}

static inline int
talk_sctp(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP) < 0 ? -1 : 0;
}

static inline int
trace_the_parent(void)
{
    return ptrace(PTRACE_SEIZE, stage.parent, NULL, NULL) < 0 ? -1 : 0;
}

static inline int
read_the_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&stage, 1};

    return process_vm_readv(stage.parent, &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}

static inline int
write_a_file(void)
{
    return open(stage.inside, O_WRONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
make_a_file(void)
{
    char path[PATH_BYTES + 8];

    (void)snprintf(path, sizeof(path), "%s.new", stage.inside);
    return open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? -1 : 0;
}

static inline int
rename_a_file(void)
{
    return rename(stage.inside, stage.outside);
}

static inline int
have_more_memory(void)
{
    const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    return setrlimit(RLIMIT_DATA, &limit);
}

static inline int
talk_to_the_host(void)
{
    return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? -1 : 0;
}

static inline int
type_at_a_terminal(void)
{
    return ioctl(stage.client, TIOCSTI, "x");
}

static inline int
kill_by_a_socket(void)
{
    return ioctl(stage.client, SIOCSPGRP, &stage.parent);
}

static inline int
kill_a_thread_of_the_parent(void)
{
    return (int)syscall(SYS_tgkill, stage.parent, stage.parent, 0);
}

static inline int
hold_the_parent(void)
{
    return syscall(SYS_pidfd_open, stage.parent, 0) < 0 ? -1 : 0;
}

static inline int
run_a_program_otherwise(void)
{
    char program[] = "true", *const arguments[] = {program, NULL};

    return (int)syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, environ, 0);
}

static inline int
start_a_process_otherwise(void)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &arguments, sizeof(arguments));

    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : 0;
}

static inline int
have_a_program_in_memory(void)
{
    return syscall(SYS_memfd_create, "program", 0) < 0 ? -1 : 0;
}

static inline int
have_a_ring(void)
{
    struct io_uring_params parameters = {.flags = 0};

    return syscall(SYS_io_uring_setup, 1, &parameters) < 0 ? -1 : 0;
}

static inline int
have_users_of_its_own(void)
{
    return unshare(CLONE_NEWUSER);
}

static inline int
mount_a_file_system(void)
{
    return mount("none", stage.readable, "tmpfs", 0, NULL);
}

static inline int
mount_in_the_new_way(void)
{
    return syscall(SYS_fsopen, "tmpfs", 0) < 0 ? -1 : 0;
}

static inline int
have_another_root(void)
{
    return chroot(stage.readable);
}

static inline int
load_into_the_kernel(void)
{
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY,
                          .key_size = 4,
                          .value_size = 4,
                          .max_entries = 1};

    return syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)) < 0 ? -1 : 0;
}

static inline int
read_the_keys(void)
{
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1) < 0
               ? -1
               : 0;
}

static inline int
hold_up_the_kernel(void)
{
    return syscall(SYS_userfaultfd, O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
become_root(void)
{
    return setuid(0);
}

static inline int
open_in_the_new_way(void)
{
    const struct open_how how = {.flags = O_WRONLY | O_CLOEXEC};

    return syscall(SYS_openat2, AT_FDCWD, stage.inside, &how, sizeof(how)) < 0 ? -1 : 0;
}

static inline int
empty_a_file(void)
{
    return open(stage.inside, O_RDONLY | O_TRUNC | O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
write_its_own_code(void)
{
    return open("/proc/self/mem", O_RDWR | O_CLOEXEC) < 0 ? -1 : 0;
}

/* Beyond what it may have, of a kind that the limit may not count. */
static inline int
map(int protection, int flags)
{
    const void *memory = mmap(NULL, (size_t)CONFINE_MEMORY_BYTES + 1, protection,
                              MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

    return memory == MAP_FAILED ? -1 : 0;
}

static inline int
have_shared_memory(void)
{
    return map(PROT_READ | PROT_WRITE, MAP_SHARED);
}

static inline int
have_a_stack(void)
{
    return map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_GROWSDOWN);
}

static inline int
have_a_segment(void)
{
    return shmget(IPC_PRIVATE, 4096, 0600) < 0 ? -1 : 0;
}

static inline int
make_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static inline int
make_code_of_data(void)
{
    void *data =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return data == MAP_FAILED ? 0 : mprotect(data, 4096, PROT_READ | PROT_EXEC);
}

struct attempt {
    const char *name;
    int (*attempt)(void);
};

static const struct attempt by_calls[] = {
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
    {"a vsock socket", talk_to_the_host},
    {"TIOCSTI", type_at_a_terminal},
    {"SIOCSPGRP", kill_by_a_socket},
    {"tgkill", kill_a_thread_of_the_parent},
    {"pidfd_open", hold_the_parent},
    {"execveat", run_a_program_otherwise},
    {"clone3", start_a_process_otherwise},
    {"memfd_create", have_a_program_in_memory},
    {"io_uring", have_a_ring},
    {"a namespace of users", have_users_of_its_own},
    {"mount", mount_a_file_system},
    {"fsopen", mount_in_the_new_way},
    {"chroot", have_another_root},
    {"bpf", load_into_the_kernel},
    {"keyctl", read_the_keys},
    {"userfaultfd", hold_up_the_kernel},
    {"setuid", become_root},
    {"openat2", open_in_the_new_way},
    {"O_TRUNC", empty_a_file},
    {"/proc/self/mem", write_its_own_code},
    {"shared memory", have_shared_memory},
    {"memory as a stack", have_a_stack},
    {"shmget", have_a_segment},
    {"memory to write and execute", make_code},
    {"mprotect to execute", make_code_of_data},
};

/* --- what others refuse --- */

static inline int
read_outside(void)
{
    return open(stage.outside, O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
read_passwords(void)
{
    return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
read_the_parents_memory(void)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%ld/mem", (long)stage.parent);
    return open(path, O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static inline int
listen_outside(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/new", stage.folder);
    return bind(fd, (const struct sockaddr *)&address, sizeof(address));
}

static inline int
remove_outside(void)
{
    return unlink(stage.outside);
}

static inline int
have_too_much_memory(void)
{
    return map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

static inline int
have_too_much_memory_later(void)
{
    size_t bytes = (size_t)CONFINE_MEMORY_BYTES + 1;
    void *memory = mmap(NULL, bytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? 0 : mprotect(memory, bytes, PROT_READ | PROT_WRITE);
}

#endif
