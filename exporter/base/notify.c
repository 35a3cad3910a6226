/* One datagram to $NOTIFY_SOCKET for each state. */
#include "base/notify.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_US 1000
#define RELOADING "RELOADING=1\n"
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

/* Who says it instead; the process has one. */
static struct {
    bool (*send)(void *context, const char *state);
    void *context;
} other;

void
notify_by(bool (*send)(void *context, const char *state), void *context)
{
    other.send = send;
    other.context = context;
}

bool
notify_send(const char *state)
{
    struct sockaddr_un address;
    socklen_t length = read_address(&address);

    if (length == 0)
        return false;
    if (other.send)
        return other.send(other.context, state);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return false;
    bool is_sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                          (const struct sockaddr *)&address, length) >= 0;

    (void)close(fd);
    return is_sent;
}

bool
notify_send_reloading(int64_t now_ns)
{
    char state[RELOADING_BYTES];

    (void)snprintf(state, sizeof(state), RELOADING "MONOTONIC_USEC=%" PRId64,
                   now_ns / NS_PER_US);
    return notify_send(state);
}

static bool
says(const char *state, size_t length, const char *known)
{
    return length == strlen(known) && memcmp(state, known, length) == 0;
}

bool
notify_pass_on(const char *state, size_t length)
{
    size_t begins = strlen(RELOADING);

    if (says(state, length, NOTIFY_READY))
        return notify_send(NOTIFY_READY);
    if (says(state, length, NOTIFY_ALIVE))
        return notify_send(NOTIFY_ALIVE);
    return length >= begins && memcmp(state, RELOADING, begins) == 0 &&
           notify_send_reloading(clock_monotonic_ns());
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
