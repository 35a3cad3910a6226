/* Connecting and leaving. */
#include "source/socket/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIBVIRT_CHANNEL_NAME "/org.qemu.guest_agent.0"
#define LIBVIRT_FOLDER "/libvirt/qemu/"
#define LIBVIRT_DOMAIN_PATTERN "*/domain-[0-9]*-*" LIBVIRT_CHANNEL_NAME
#define LIBVIRT_NEW_DOMAIN_PATTERN "*/channel/[0-9]*-*" LIBVIRT_CHANNEL_NAME

/* Also where a container has libvirt's folder under another path: by the name of the
 * domain's own folder. */
static bool
is_libvirts(const char *resolved)
{
    size_t length = strlen(resolved), tail = strlen(LIBVIRT_CHANNEL_NAME);

    return length >= tail &&
           strcmp(resolved + length - tail, LIBVIRT_CHANNEL_NAME) == 0 &&
           (strstr(resolved, LIBVIRT_FOLDER) ||
            fnmatch(LIBVIRT_DOMAIN_PATTERN, resolved, 0) == 0 ||
            fnmatch(LIBVIRT_NEW_DOMAIN_PATTERN, resolved, 0) == 0);
}

bool
socket_is_libvirts(const char *path)
{
    char real[PATH_MAX];

    return is_libvirts(realpath(path, real) ? real : path);
}

/* By the name of the open file: it is short, as sun_path is, and leads where the file
 * is, whatever becomes of the path. */
static int
connect_file(int fd, int file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char real[PATH_MAX];

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
    ssize_t length = readlink(address.sun_path, real, sizeof(real) - 1);

    if (length < 0)
        return -1;
    real[length] = '\0';
    if (is_libvirts(real)) {
        errno = EXDEV;
        return -1;
    }
    return connect(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int
connect_path(int fd, const char *path)
{
    int file = open(path, O_PATH | O_CLOEXEC);

    if (file < 0)
        return -1;
    int status = connect_file(fd, file), error = errno;

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
    else if (error == EXDEV)
        failure_set(why, FAILURE_DENIED,
                    "%s: it leads to libvirt's own channel now, and connecting would "
                    "take the agent from libvirt; let it lead to another socket",
                    path);
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
