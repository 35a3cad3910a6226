/* A connection to an agent, and whether we are in step on it.  On the loop; the loop
 * thread alone. */
#ifndef SOURCE_SOCKET_CONNECTION_H
#define SOURCE_SOCKET_CONNECTION_H

#include "agent/framing.h"
#include "kit/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* What replies that are not complete may hold together, in all connections: those over
 * AGENT_SMALL_REPLY_BYTES, which are few.  One that would go beyond fails, too large.
 */
#define AGENT_SMALL_REPLY_BYTES ((size_t)64 << 10)
#define AGENT_LARGE_REPLIES_BYTES_MAX ((size_t)32 << 20)

/* The connection may be left from within. */
struct agent_connection_listener {
    void (*synced)(void *context);
    void (*replied)(void *context); /* framing.line has it */
    /* It is good for nothing any more. */
    void (*failed)(void *context, enum failure_kind kind, const char *text);
    void *context;
};

struct agent_connection {
    uv_poll_t poll;
    int fd; /* -1: left */
    struct framing framing;
    size_t large_bytes; /* that its reply holds, if it is large */
    /* Of the last bytes, as close to their arrival as can be known. */
    int64_t received_ns, received_mono_ns;
    struct agent_connection_listener listener;
};

/* `fd` is the connection's from here on. */
struct agent_connection *
agent_connection_open(uv_loop_t *loop, int fd, size_t reply_bytes_max,
                      const struct agent_connection_listener *listener);
/* Whether the agent has said something, or has gone, that the loop has not come to. */
bool agent_connection_has_unread(const struct agent_connection *connection);
/* Nothing more is told. */
void agent_connection_leave(struct agent_connection *connection);

/* `id`: see framing_sync(), and for a negative one framing_sync_plain().  Both return
 * -1 if the other side is gone, which `failed` is not told. */
int agent_connection_sync(struct agent_connection *connection, int64_t id);
int agent_connection_command(struct agent_connection *connection,
                             const struct request *request);

#endif
