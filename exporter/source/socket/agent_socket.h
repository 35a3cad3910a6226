/* One connection to one agent's socket: connect, keep in step, one command at a time.
 * On the loop, without a thread; the loop thread alone. */
#ifndef SOURCE_SOCKET_AGENT_SOCKET_H
#define SOURCE_SOCKET_AGENT_SOCKET_H

#include "kit/failure.h"

#include <stdbool.h>
#include <stddef.h>

struct agent_socket;
struct call;
typedef struct uv_loop_s uv_loop_t;

struct agent_socket_listener {
    /* There is somebody to ask now who was not there before. */
    void (*came)(void *context);
    /* Somebody who was silent for long has just answered; it is the same agent. */
    void (*woke)(void *context);
    /* Nobody is there any more.  `why` is borrowed. */
    void (*went)(void *context, const struct failure *why);
    void *context;
};

/* `path` is copied. */
struct agent_socket *agent_socket_open(uv_loop_t *loop, const char *path,
                                       const struct agent_socket_listener *listener);
/* A call in flight fails. */
void agent_socket_close(struct agent_socket *agent);
/* A call in flight is not answered any more: for the end, before closing. */
void agent_socket_forget_call(struct agent_socket *agent);

/* Connects now, leaving a connection that is there; and again later for as long as it
 * is open. */
void agent_socket_connect(struct agent_socket *agent);
/* Connects now if there is no connection. */
void agent_socket_retry(struct agent_socket *agent);

/* One at a time; `done` comes later, never from within. */
void agent_socket_call(struct agent_socket *agent, struct call *call);

#endif
