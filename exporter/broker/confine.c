/* Landlock by its system calls, for which there is no library. */
#include "broker/confine.h"

#include "base/log.h"
#include "kit/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool
fail(struct failure *why, const char *what, int error)
{
    failure_set(why, FAILURE_UNAVAILABLE, "%s: %s", what, strerror(error));
    return false;
}

/* --- the user --- */

bool
confine_user(const char *name, struct failure *why)
{
    const struct passwd *user = getpwnam(name);

    if (!user) {
        failure_set(why, FAILURE_UNAVAILABLE,
                    "--privilege-separation.user=%s: there is no such user", name);
        return false;
    }
    if (setgroups(0, NULL) == 0 && setgid(user->pw_gid) == 0 &&
        setuid(user->pw_uid) == 0)
        return true;
    failure_set(why, FAILURE_UNAVAILABLE,
                "--privilege-separation.user=%s: only root can become another user: %s",
                name, strerror(errno));
    return false;
}

/* --- rights --- */

/* A port below 1024 may be wanted by a reload. */
bool
confine_rights(struct failure *why)
{
    const uint32_t kept = UINT32_C(1) << CAP_NET_BIND_SERVICE;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3];
    bool has_more = false;

    if (syscall(SYS_capget, &head, rights) < 0)
        return fail(why, "the capabilities cannot be read", errno);
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t left = i == 0 ? rights[i].permitted & kept : 0;

        has_more |= (rights[i].permitted | rights[i].inheritable) != left;
        rights[i] = (struct __user_cap_data_struct){left, left, 0};
    }
    /* A service's filter may not even let it give up none. */
    return !has_more || syscall(SYS_capset, &head, rights) == 0 ||
           fail(why, "the capabilities cannot be given up", errno);
}

/* --- files --- */

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define SOCKETS (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ALL                                                                            \
    (READING | SOCKETS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |  \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |                    \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                       \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                    \
     LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool
allow_below(int rules, const char *folder, uint64_t rights)
{
    struct landlock_path_beneath_attr below = {
        .allowed_access = rights,
        .parent_fd = open(folder, O_PATH | O_CLOEXEC),
    };

    struct stat status;

    if (below.parent_fd < 0)
        return true; /* it is not there */
    if (fstat(below.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
        below.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE;
    long outcome =
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    int error = errno;

    (void)close(below.parent_fd);
    errno = error;
    return outcome == 0;
}

static bool
allow_all(int rules, const char *const *folders, uint64_t rights)
{
    while (*folders)
        if (!allow_below(rules, *folders++, rights))
            return false;
    return true;
}

bool
confine_files(const char *const *readable, const char *const *for_sockets,
              struct failure *why)
{
    const struct landlock_ruleset_attr all = {.handled_access_fs = ALL};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

    if (rules < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
        log_warn("the kernel has no Landlock: which files the process that reads may "
                 "read is for its user's rights alone");
        return true;
    }
    bool is_done = rules >= 0 && allow_all(rules, readable, READING) &&
                   allow_all(rules, for_sockets, READING | SOCKETS) &&
                   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                   syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    int error = errno;

    if (rules >= 0)
        (void)close(rules);
    return is_done || fail(why, "the files cannot be confined by Landlock", error);
}

/* --- memory --- */

void
confine_memory(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) < 0 || limit.rlim_max <= CONFINE_MEMORY_BYTES)
        return;
    limit.rlim_cur = limit.rlim_max = CONFINE_MEMORY_BYTES;
    (void)setrlimit(RLIMIT_DATA, &limit);
}
