/* A service manager's end of sd_notify(3): what it is told waits until it is heard.
 */
#ifndef UNIT_MANAGER_H
#define UNIT_MANAGER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

#define MANAGER_BYTES 128

struct manager {
    int fd;
};

/* The kernel chooses an abstract name, which becomes NOTIFY_SOCKET. */
static inline struct manager
manager_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof(address);
    struct manager manager = {.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    char name[sizeof(address.sun_path) + 1];

    assert_true(manager.fd >= 0);
    assert_int_equal(
        bind(manager.fd, (const struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(getsockname(manager.fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(name, sizeof(name), "@%.*s",
                   (int)(length - offsetof(struct sockaddr_un, sun_path) - 1),
                   address.sun_path + 1);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return manager;
}

/* The next of what it was told, or "". */
static inline void
manager_hear(const struct manager *manager, char heard[MANAGER_BYTES])
{
    ssize_t length = recv(manager->fd, heard, MANAGER_BYTES - 1, MSG_DONTWAIT);

    heard[length > 0 ? length : 0] = '\0';
}

static inline void
manager_close(struct manager *manager)
{
    assert_int_equal(close(manager->fd), 0);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

#endif
