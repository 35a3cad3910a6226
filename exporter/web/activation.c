/* $LISTEN_FDS, if it is meant for this process. */
#include "web/activation.h"

#include "kit/failure.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A decimal number of at most `max`, or 0. */
static unsigned long
read_number(const char *variable, unsigned long max)
{
    const char *text = getenv(variable);

    if (!text || text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return 0;
    unsigned long number = strtoul(text, NULL, 10);

    return number <= max ? number : 0;
}

int
web_activation_take(struct failure *why)
{
    bool is_for_us = read_number("LISTEN_PID", INT32_MAX) == (unsigned long)getpid();
    int count =
        is_for_us ? (int)read_number("LISTEN_FDS", WEB_ACTIVATION_SOCKETS_MAX) : 0;

    for (int i = 0; i < count; i++)
        (void)fcntl(WEB_ACTIVATION_FIRST_FD + i, F_SETFD, FD_CLOEXEC);
    if (count > 0)
        return count;
    failure_set(
        why, FAILURE_UNAVAILABLE,
        "--web.systemd-socket: the service manager has handed over no socket, or "
        "more than %d; enable the .socket unit and start that, or leave the flag "
        "out",
        WEB_ACTIVATION_SOCKETS_MAX);
    return -1;
}
