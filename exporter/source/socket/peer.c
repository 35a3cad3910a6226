/* Questions about a UNIX socket's other end. */
#include "source/socket/peer.h"

#include "base/file.h"

#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* /proc/PID/comm: 15 characters at most, and a newline. */
#define COMMAND_BYTES_MAX ((size_t)16)

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
    char path[64];
    size_t length;

    (void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    char *command = file_read(file_open(path), COMMAND_BYTES_MAX, &length);
    bool is_agent = command && strcmp(command, "qemu-ga\n") == 0;

    free(command);
    return is_agent;
}

bool
socket_peer_has_unread(int fd)
{
    int unread = 0;

    return ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}
