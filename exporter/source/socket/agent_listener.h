/* What an agent's socket tells. */
#ifndef SOURCE_SOCKET_AGENT_LISTENER_H
#define SOURCE_SOCKET_AGENT_LISTENER_H

#include <sys/types.h>

struct failure;

struct agent_socket_listener {
    /* There is somebody to ask now who was not there before. */
    void (*came)(void *context);
    /* Somebody who was silent for long has just answered; it is the same agent. */
    void (*woke)(void *context);
    /* Nobody is there any more.  `why` is borrowed. */
    void (*went)(void *context, const struct failure *why);
    /* By who listens: agent_socket_is_shared() says something else now.  With
     * SOCKET_AUTO alone: else it may be NULL. */
    void (*found_out)(void *context);
    /* On each connection, after that: the process that listens; 0: the kernel does not
     * tell.  NULL: it is not wanted. */
    void (*met)(void *context, pid_t process);
    void *context;
};

#endif
