/* Who waits at a listening UNIX socket to be accepted, by the kernel's word
 * (sock_diag(7)).  Does not block; the loop thread alone. */
#ifndef SOURCE_SOCKET_QUEUE_H
#define SOURCE_SOCKET_QUEUE_H

#include <stdbool.h>

struct socket_queues;

struct socket_queues *socket_queues_new(void);
void socket_queues_free(struct socket_queues *queues);

/* How many connections wait at the socket of this path.  -1: nobody listens there, or
 * the kernel does not tell, as it does not of another network namespace. */
int socket_queues_waiting(struct socket_queues *queues, const char *path);

/* Whether our connection is one that waits: QEMU's chardev and qemu-ga serve one
 * client, so somebody else has the agent.  False where the kernel does not tell. */
bool socket_queues_has_waiting(struct socket_queues *queues, int fd);

#endif
