/* $LISTEN_FDS, if it is meant for this process. */
#include "web/activation.h"

#include "base/notify.h"
#include "kit/failure.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

static int
count_given(void)
{
    bool is_for_us = notify_read_number("LISTEN_PID", INT32_MAX) == (uint64_t)getpid();

    return is_for_us ? (int)notify_read_number("LISTEN_FDS", WEB_ACTIVATION_SOCKETS_MAX)
                     : 0;
}

int
web_activation_take(struct failure *why)
{
    int count = count_given();

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

void
web_activation_leave(void)
{
    int count = count_given();

    for (int i = 0; i < count; i++)
        (void)close(WEB_ACTIVATION_FIRST_FD + i);
}
