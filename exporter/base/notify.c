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

/* Kept, since a process may give up the right to open another. */
static struct {
    int fd;
    struct sockaddr_un address; /* that it is connected to; of no family: none */
} kept = {.fd = -1};

static bool
connect_to(const struct sockaddr_un *address, socklen_t length)
{
    if (kept.fd >= 0)
        (void)close(kept.fd);
    kept.address = *address;
    kept.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (kept.fd >= 0 && connect(kept.fd, (const struct sockaddr *)address, length) == 0)
        return true;
    if (kept.fd >= 0)
        (void)close(kept.fd);
    kept.fd = -1;
    return false;
}

void
notify_open(void)
{
    struct sockaddr_un address;
    socklen_t length = read_address(&address);

    if (length > 0)
        (void)connect_to(&address, length);
}

/* Whoever listened there may have begun anew. */
bool
notify_send(const char *state)
{
    struct sockaddr_un address;
    socklen_t length = read_address(&address);

    if (length == 0)
        return false;
    if (kept.fd >= 0 && memcmp(&kept.address, &address, sizeof(address)) == 0 &&
        send(kept.fd, state, strlen(state), MSG_NOSIGNAL) >= 0)
        return true;
    return connect_to(&address, length) &&
           send(kept.fd, state, strlen(state), MSG_NOSIGNAL) >= 0;
}

bool
notify_send_reloading(int64_t now_ns)
{
    char state[RELOADING_BYTES];

    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   now_ns / NS_PER_US);
    return notify_send(state);
}

uint64_t
notify_read_number(const char *variable, uint64_t max)
{
    const char *text = getenv(variable);

    if (!text || text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return 0;
    uint64_t number = strtoull(text, NULL, 10);

    return number <= max ? number : 0;
}

int64_t
notify_watchdog_ns(void)
{
    uint64_t us = notify_read_number("WATCHDOG_USEC", INT64_MAX / NS_PER_US);
    uint64_t pid = notify_read_number("WATCHDOG_PID", INT32_MAX);

    if (getenv("WATCHDOG_PID") && pid != (uint64_t)getpid())
        return 0;
    return (int64_t)us * NS_PER_US;
}
