/* One datagram to $NOTIFY_SOCKET for each state. */
#include "base/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_US 1000
#define RELOADING_BYTES 64

/* The length of the address, or 0 if there is none.  '@' stands for the zero byte of an
 * abstract name. */
static socklen_t
read_address(struct sockaddr_un *address)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name ? strlen(name) : 0;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length < 2 || length >= sizeof(address->sun_path) ||
        (name[0] != '/' && name[0] != '@'))
        return 0;
    memcpy(address->sun_path, name, length);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

bool
notify_send(const char *state)
{
    struct sockaddr_un address;
    socklen_t length = read_address(&address);
    int fd =
        length > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;

    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                          (const struct sockaddr *)&address, length);

    (void)close(fd);
    return sent >= 0;
}

bool
notify_send_reloading(int64_t now_ns)
{
    char state[RELOADING_BYTES];

    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   now_ns / NS_PER_US);
    return notify_send(state);
}

/* The decimal number of a variable, or 0. */
static uint64_t
read_number(const char *variable)
{
    const char *text = getenv(variable);

    if (!text || text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return 0;
    return strtoull(text, NULL, 10);
}

int64_t
notify_watchdog_ns(void)
{
    uint64_t us = read_number("WATCHDOG_USEC");
    uint64_t pid = read_number("WATCHDOG_PID");

    if (us > INT64_MAX / NS_PER_US ||
        (getenv("WATCHDOG_PID") && pid != (uint64_t)getpid()))
        return 0;
    return (int64_t)us * NS_PER_US;
}
