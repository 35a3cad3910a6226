/* Connecting and leaving. */
#include "source/socket/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* sun_path is short; a file that is open has a short name. */
static int
connect_path(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = -1;

    if (strlen(path) < sizeof(address.sun_path)) {
        memcpy(address.sun_path, path, strlen(path) + 1);
    } else {
        file = open(path, O_PATH | O_CLOEXEC);
        if (file < 0)
            return -1;
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
    }
    int status = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    int error = errno;

    if (file >= 0)
        close(file);
    errno = error;
    return status;
}

void
socket_explain_held(const char *path, struct failure *why)
{
    failure_set(
        why, FAILURE_HELD,
        "%s: another program has the agent's socket, which serves one at a time; "
        "end that program, or give the exporter a channel of its own",
        path);
}

static void
explain(int error, const char *path, struct failure *why)
{
    if (error == EAGAIN)
        socket_explain_held(path, why);
    else if (error == EACCES || error == EPERM)
        failure_set(why, FAILURE_DENIED,
                    "%s: %s; let the exporter's user write to the socket", path,
                    strerror(error));
    else
        failure_set(why, FAILURE_DISCONNECTED, "%s: %s", path, strerror(error));
}

int
socket_connect(const char *path, struct failure *why)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect_path(fd, path) == 0)
        return fd;
    explain(errno, path, why);
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* qemu-ga ends when its client goes and leaves a reply unread (ECONNRESET), so nothing
 * more is let in, and what is there is taken, before the end is closed. */
void
socket_disconnect(int fd)
{
    char unread[4096];

    shutdown(fd, SHUT_RDWR);
    while (read(fd, unread, sizeof(unread)) > 0)
        continue;
    close(fd);
}
