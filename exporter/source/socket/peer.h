/* What the kernel knows of the other end of a UNIX socket.  Does not block; any thread.
 */
#ifndef SOURCE_SOCKET_PEER_H
#define SOURCE_SOCKET_PEER_H

#include <stdbool.h>

/* Whether our connection still waits in the listener's queue: QEMU's chardev and
 * qemu-ga serve one client, so somebody else has the agent.  False where the kernel
 * does not tell (sock_diag(7), UDIAG_SHOW_PEER). */
bool socket_peer_is_waiting(int fd);

/* Whether bytes that we sent were not read yet (unix(7), SIOCOUTQ). */
bool socket_peer_has_unread(int fd);

#endif
