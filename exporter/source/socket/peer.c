/* Questions about a UNIX socket's other end. */
#include "source/socket/peer.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* /proc/PID/comm: 15 characters at most, and a newline. */
#define COMMAND_BYTES 17

pid_t
socket_peer_pid(int fd)
{
    struct ucred peer = {.pid = 0};
    socklen_t length = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.pid : 0;
}

bool
socket_peer_is_agent(pid_t pid)
{
    char path[64], command[COMMAND_BYTES] = "";

    (void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t length = read(fd, command, sizeof(command) - 1);

    (void)close(fd);
    return length > 0 && strcmp(command, "qemu-ga\n") == 0;
}

bool
socket_peer_has_unread(int fd)
{
    int unread = 0;

    return ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}
