/* Who is at the other end of a UNIX socket.  Does not block; any thread. */
#ifndef SOURCE_SOCKET_PEER_H
#define SOURCE_SOCKET_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* The process that listens at what we are connected to (unix(7), SO_PEERCRED); 0: in
 * another PID namespace. */
pid_t socket_peer_pid(int fd);

/* Whether a process is qemu-ga itself, with its own socket (qemu-ga -m unix-listen).
 * False where /proc does not tell. */
bool socket_peer_is_agent(pid_t pid);

/* Whether bytes that we sent were not read yet (unix(7), SIOCOUTQ). */
bool socket_peer_has_unread(int fd);

#endif
