/* What the files of an agent's socket share.  No other file includes this.  The loop
 * thread alone. */
#ifndef SOURCE_SOCKET_INSIDE_H
#define SOURCE_SOCKET_INSIDE_H

#include "config/sources.h"
#include "source/socket/agent_listener.h"
#include "source/socket/connection.h"
#include "source/socket/visit.h"

#include <uv.h>

#define RECONNECT_FIRST_MS 250
#define RECONNECT_MAX_MS 5000

struct call;
struct socket_queues;

struct agent_socket {
    uv_loop_t *loop;
    char *path;
    enum socket_use use;
    bool shared;
    struct agent_socket_listener listener;
    struct agent_connection *connection; /* NULL: none */
    struct socket_queues *queues;
    struct visit visit; /* while the socket is shared and there is a connection */
    uint64_t look_ms;   /* until the next look */
    struct call *call;  /* in flight */
    size_t reply_bytes_max;
    struct failure prompt;  /* the call fails with it as soon as the loop comes round */
    struct failure refused; /* why there is no connection */
    bool present;           /* as announced */
    bool was_in_step;       /* on this connection, at least once */
    int64_t connected_ns;   /* CLOCK_MONOTONIC */
    bool gave_up;           /* a call did: a late sync is news */
    bool broken; /* the connection is to be lost as soon as the loop comes round */
    unsigned int reprieves; /* of the call, after its deadline */
    uint64_t reconnect_ms;
    uv_timer_t deadline, reconnect, look;
    void (*deadline_passed)(uv_timer_t *deadline);
    unsigned int open_timers;
};

/* Each needs only those above it, and agent_socket.c all. */

/* --- turn.c: the call --- */

/* Ends the call in flight, if there is one. */
void agent_finish(struct agent_socket *agent, const struct failure *why);
void agent_leave_connection(struct agent_socket *agent);
void agent_start_deadline(struct agent_socket *agent, int64_t timeout_ns);
void agent_send_sync(struct agent_socket *agent);
void agent_send_command(struct agent_socket *agent);

/* --- room.c: visits, while the socket is shared --- */

/* We are connected. */
void agent_begin_visit(struct agent_socket *agent);
/* Before a call of a visit that has begun; whether there is room for it. */
bool agent_may_go_on(struct agent_socket *agent);
/* Leaves to others; and ends the call in flight with that. */
void agent_leave_room(struct agent_socket *agent, struct failure *why);
void agent_make_room(struct agent_socket *agent);

#endif
