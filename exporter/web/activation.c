/* $LISTEN_FDS, if it is meant for this process. */
#include "web/activation.h"

#include "base/notify.h"
#include "kit/failure.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

int
web_activation_take(struct failure *why)
{
    bool is_for_us = notify_read_number("LISTEN_PID", INT32_MAX) == (uint64_t)getpid();
    uint64_t given = notify_read_number("LISTEN_FDS", WEB_ACTIVATION_SOCKETS_MAX);
    int count = is_for_us ? (int)given : 0;

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
