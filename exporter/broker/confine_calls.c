/* The system calls that are left, by libseccomp. */
#include "broker/confine.h"

#include "kit/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* What libc, its threads, libuv, libmicrohttpd, GnuTLS and the log need of the kernel.
 * What is on no list does not exist (ENOSYS), so that a newer libc does it in the old
 * way. */
static const char *const allowed[] = {
    /* memory */
    "brk",
    "madvise",
    "membarrier",
    "mremap",
    "munmap",
    /* threads, signals, the end */
    "exit",
    "exit_group",
    "futex",
    "get_robust_list",
    "getcpu",
    "gettid",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sigreturn",
    "prctl",
    "arch_prctl",
    /* what it is */
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgrp",
    "getpid",
    "getppid",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getuid",
    "sysinfo",
    "times",
    "ugetrlimit",
    "uname",
    "umask",
    "getcwd",
    /* time */
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "gettimeofday",
    "nanosleep",
    "time",
    "adjtimex",
    "clock_adjtime",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    /* descriptors */
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pselect6",
    "pselect6_time64",
    "select",
    "_newselect",
    "read",
    "readv",
    "pread64",
    "preadv",
    "write",
    "writev",
    "pwrite64",
    "sendfile",
    "sendfile64",
    /* files that are there */
    "access",
    "faccessat",
    "faccessat2",
    "fstat",
    "fstat64",
    "fstatat64",
    "fstatfs",
    "fstatfs64",
    "getdents",
    "getdents64",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "lseek",
    "_llseek",
    "lstat",
    "lstat64",
    "newfstatat",
    "readlink",
    "readlinkat",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statx",
    "flock",
    "fadvise64",
    /* listeners of their own, and who comes by them */
    "accept",
    "accept4",
    "bind",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "setsockopt",
    "shutdown",
    "unlink",
    "unlinkat",
};

/* Of these it is said that they are forbidden. */
static const char *const forbidden[] = {
    "connect",
    "execve",
    "execveat",
    "fork",
    "vfork",
    "kill",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "pidfd_open",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "tkill",
    "socketpair",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "ftruncate",
    "creat",
    "mount",
    "umount2",
    "setns",
    "unshare",
    "chroot",
    "pivot_root",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "io_uring_setup",
    "setuid",
    "setgid",
    "setgroups",
    "setresuid",
    "setresgid",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "fchownat",
    "lchown",
    "setrlimit",
};

/* What an argument must be; the library's own macros leave a field out. */
#define IS(argument, value) ((struct scmp_arg_cmp){(argument), SCMP_CMP_EQ, (value), 0})
#define AT_MOST(argument, value)                                                       \
    ((struct scmp_arg_cmp){(argument), SCMP_CMP_LE, (value), 0})
#define MASKED(argument, mask, value)                                                  \
    ((struct scmp_arg_cmp){(argument), SCMP_CMP_MASKED_EQ, (mask), (value)})

/* One that this machine does not have is no failure. */
static int
add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned int count,
    const struct scmp_arg_cmp *arguments)
{
    int number = seccomp_syscall_resolve_name(name);

    return number == __NR_SCMP_ERROR
               ? 0
               : seccomp_rule_add_array(filter, action, number, count, arguments);
}

static int
add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++)
        status = add(filter, action, names[i], 0, NULL);
    return status;
}

#define NOT_TO_WRITE (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
#define TYPE_MASK 0xf /* of a socket, without its flags */
/* Memory that its limit does not count is none of these. */
#define MEMORY_MASK (MAP_TYPE | MAP_GROWSDOWN)

/* With F_SETOWN and F_SETSIG it would send any signal to any process of its user. */
static const int fcntl_commands[] = {
    F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD,  F_GETFL,
    F_SETFL, F_GETLK,         F_SETLK, F_SETLKW,
};

static int
add_fcntl(scmp_filter_ctx filter, const char *name)
{
    int status = 0;

    for (size_t i = 0;
         i < sizeof(fcntl_commands) / sizeof(*fcntl_commands) && status == 0; i++) {
        const struct scmp_arg_cmp is_it = IS(1, (scmp_datum_t)fcntl_commands[i]);

        status = add(filter, SCMP_ACT_ALLOW, name, 1, &is_it);
    }
    return status;
}

/* What depends on how it is called. */
static int
add_conditional(scmp_filter_ctx filter)
{
    const struct {
        const char *name;
        struct scmp_arg_cmp arguments[3];
        unsigned int count;
    } rules[] = {
        /* its own memory, which it may write or execute, and libraries */
        {"mmap", {MASKED(2, PROT_EXEC, 0), MASKED(3, MEMORY_MASK, MAP_PRIVATE)}, 2},
        {"mmap",
         {MASKED(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
          MASKED(3, MEMORY_MASK, MAP_PRIVATE)},
         2},
        {"mmap2", {MASKED(2, PROT_EXEC, 0), MASKED(3, MEMORY_MASK, MAP_PRIVATE)}, 2},
        {"mmap2",
         {MASKED(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
          MASKED(3, MEMORY_MASK, MAP_PRIVATE)},
         2},
        {"mprotect", {MASKED(2, PROT_EXEC, 0)}, 1},
        {"open", {MASKED(1, NOT_TO_WRITE, 0)}, 1},
        {"openat", {MASKED(2, NOT_TO_WRITE, 0)}, 1},
        {"clone", {MASKED(0, CLONE_THREAD, CLONE_THREAD)}, 1},
        /* abort(), and nobody else's threads */
        {"tgkill", {IS(0, (scmp_datum_t)getpid())}, 1},
        {"prlimit64", {IS(2, 0)}, 1},
        /* TCP: SCTP's connects by setsockopt(), too */
        {"socket",
         {IS(0, AF_INET), MASKED(1, TYPE_MASK, SOCK_STREAM), AT_MOST(2, IPPROTO_TCP)},
         3},
        {"socket",
         {IS(0, AF_INET6), MASKED(1, TYPE_MASK, SOCK_STREAM), AT_MOST(2, IPPROTO_TCP)},
         3},
        /* to listen; a datagram needs no connection to go anywhere */
        {"socket", {IS(0, AF_UNIX), MASKED(1, TYPE_MASK, SOCK_STREAM)}, 2},
        /* a terminal takes others as typed */
        {"ioctl", {IS(1, FIONBIO)}, 1},
        {"ioctl", {IS(1, FIOCLEX)}, 1},
        {"ioctl", {IS(1, FIONREAD)}, 1},
        {"ioctl", {IS(1, TCGETS)}, 1},
        /* it would connect */
        {"sendto", {MASKED(3, MSG_FASTOPEN, 0), IS(4, 0)}, 2},
        {"sendmsg", {MASKED(2, MSG_FASTOPEN, 0)}, 1},
        {"sendmmsg", {MASKED(3, MSG_FASTOPEN, 0)}, 1},
    };
    int status = 0;

    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && status == 0; i++)
        status = add(filter, SCMP_ACT_ALLOW, rules[i].name, rules[i].count,
                     rules[i].arguments);
    return status;
}

static int
fill(scmp_filter_ctx filter)
{
    int status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (status == 0)
        status = add_all(filter, SCMP_ACT_ALLOW, allowed,
                         sizeof(allowed) / sizeof(*allowed));
    if (status == 0)
        status = add_all(filter, SCMP_ACT_ERRNO(EPERM), forbidden,
                         sizeof(forbidden) / sizeof(*forbidden));
    if (status == 0)
        status = add_conditional(filter);
    if (status == 0)
        status = add_fcntl(filter, "fcntl");
    if (status == 0)
        status = add_fcntl(filter, "fcntl64");
    return status == 0 ? seccomp_load(filter) : status;
}

static bool
is_confined(int status, struct failure *why)
{
    if (status != 0)
        failure_set(why, FAILURE_UNAVAILABLE,
                    "the system calls cannot be confined by seccomp: %s",
                    strerror(-status));
    return status == 0;
}

bool
confine_loops(struct failure *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status = filter ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                                           SCMP_SYS(io_uring_setup), 0)
                        : -ENOMEM;

    if (status == 0)
        status = seccomp_load(filter);
    seccomp_release(filter);
    return is_confined(status, why);
}

bool
confine_calls(struct failure *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

    int status = filter ? fill(filter) : -ENOMEM;

    seccomp_release(filter);
    return is_confined(status, why);
}
