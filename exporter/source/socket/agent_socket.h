/* One agent's socket: connect, keep in step, one command at a time.  On the loop,
 * without a thread; the loop thread alone. */
#ifndef SOURCE_SOCKET_AGENT_SOCKET_H
#define SOURCE_SOCKET_AGENT_SOCKET_H

#include "config/sources.h"
#include "source/socket/agent_listener.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>

struct agent_socket;
struct socket_queues;

/* `path` is copied, `queues` outlive it. */
struct agent_socket *agent_socket_open(uv_loop_t *loop, struct socket_queues *queues,
                                       const char *path, enum socket_use use,
                                       const struct agent_socket_listener *listener);
/* A call in flight fails. */
void agent_socket_close(struct agent_socket *agent);
/* A call in flight is not answered any more: for the end, before closing. */
void agent_socket_forget_call(struct agent_socket *agent);

/* Whether it is used for visits only, because others want it too.  What is not known
 * yet counts as shared: that disturbs nobody. */
bool agent_socket_is_shared(const struct agent_socket *agent);

/* Another program may listen now.  A connection that is there is left. */
void agent_socket_connect(struct agent_socket *agent);
/* Looks again now whether somebody is there, unless that is known. */
void agent_socket_retry(struct agent_socket *agent);

/* One at a time; `done` comes later, never from within. */
void agent_socket_call(struct agent_socket *agent, struct call *call);
/* No call comes soon: a visit is over. */
void agent_socket_end_visit(struct agent_socket *agent);

/* What drivers of sources with such sockets say (struct source_driver). */
struct source_capacity agent_sockets_capacity(const struct source *source);
enum call_stage agent_sockets_stage(const struct source *source,
                                    const struct call *call);

#endif
