/* An agent's socket on the loop.
 *
 * One that nobody else can want is kept: without a client a virtio-serial agent wakes
 * ten times a second, and QEMU throws away what it says.  At most one command and one
 * sync are on the way, so nothing piles up in a guest whose agent is not there, and the
 * sync that is answered late tells that it is back.
 *
 * One that is shared is visited: see visit.h.  What is still on the way when we leave
 * comes to whoever is next, and is a line before the 0xFF of the sync by which every
 * client begins.
 *
 * What comes is always read: an agent whose reply is not read spins. */
#include "source/socket/agent_socket.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "source/socket/connect.h"
#include "source/socket/inside.h"
#include "source/socket/peer.h"
#include "source/socket/queue.h"
#include "source/source.h"

#include <stdlib.h>

/* Until the first call says what the config does. */
#define REPLY_BYTES_FIRST ((size_t)1024 * 1024)
/* Turns of the loop, each of which reads 64 KiB, that a call is given whose answer is
 * there as its time is up. */
#define REPRIEVES_MAX 16

bool
agent_socket_is_shared(const struct agent_socket *agent)
{
    return agent->shared;
}

/* --- deadlines --- */

static void
no_sync(struct agent_socket *agent, struct failure *why)
{
    int fd = agent->connection->fd;

    if (socket_queues_has_waiting(agent->queues, fd))
        socket_explain_held(agent->path, why);
    else if (!agent->was_in_step && socket_peer_has_unread(fd))
        failure_set(why, FAILURE_DISCONNECTED,
                    "%s: nobody in the guest reads; start its guest agent",
                    agent->path);
    else
        failure_set(why, FAILURE_TIMEOUT, "%s: the agent does not answer a sync",
                    agent->path);
}

/* The connection is kept in step, or left. */
static void
give_up(struct agent_socket *agent, struct failure *why)
{
    agent->gave_up = true;
    if (why->kind == FAILURE_NONE && agent->connection) {
        if (agent->connection->framing.state != FRAMING_AWAITING) {
            no_sync(agent, why);
        } else {
            failure_set(why, FAILURE_TIMEOUT,
                        "%s: the agent does not answer %s in time", agent->path,
                        agent->call->request.command);
            framing_give_up(&agent->connection->framing);
            if (!agent->shared)
                agent_send_sync(agent);
        }
    }
    if (agent->shared)
        agent_leave_connection(agent);
}

/* libuv comes to its timers before its sockets: what the loop was too busy for is not
 * late. */
static bool
is_reprieved(struct agent_socket *agent)
{
    if (!agent->call || !agent->connection || agent->prompt.kind != FAILURE_NONE ||
        agent->reprieves >= REPRIEVES_MAX ||
        !agent_connection_has_unread(agent->connection))
        return false;
    agent->reprieves++;
    uv_timer_start(&agent->deadline, agent->deadline_passed, 1, 0);
    return true;
}

static void
deadline_passed(uv_timer_t *timer)
{
    struct agent_socket *agent = timer->data;
    struct failure why = agent->prompt;

    if (agent->broken) {
        agent_lose_connection(agent, FAILURE_DISCONNECTED,
                              "the agent's side of the socket is gone");
        return;
    }
    if (!agent->call || is_reprieved(agent))
        return;
    give_up(agent, &why);
    agent_finish(agent, &why);
}

/* One whose reply broke the rules is connected anew at once, and its other commands
 * must not suffer for that one. */
static bool
may_wait(const struct agent_socket *agent, int64_t timeout_ns)
{
    if (agent->connection)
        return true;
    return (agent->refused.kind == FAILURE_TOO_LARGE ||
            agent->refused.kind == FAILURE_MALFORMED) &&
           uv_timer_get_due_in(&agent->reconnect) < (uint64_t)(timeout_ns / NS_PER_MS);
}

static void
ask(struct agent_socket *agent)
{
    if (agent->connection->framing.state == FRAMING_IDLE)
        agent_send_command(agent);
    else
        agent_send_sync(agent);
}

/* The next call of a visit, or the first one: that begins when the loop comes round. */
static void
ask_on_visit(struct agent_socket *agent)
{
    agent->prompt.kind = FAILURE_NONE;
    if (!agent->present)
        agent->prompt = agent->refused;
    else if (!agent->connection)
        uv_timer_start(&agent->reconnect, agent_try_to_connect, 0, 0);
    else if (!agent_may_go_on(agent))
        agent_leave_room(agent, &agent->prompt);
    else if (agent->connection->framing.state == FRAMING_IDLE)
        agent_send_command(agent);
    if (agent->prompt.kind != FAILURE_NONE)
        agent_start_deadline(agent, 0);
}

void
agent_socket_call(struct agent_socket *agent, struct call *call)
{
    agent->call = call;
    agent->prompt = agent->refused;
    agent->reply_bytes_max = call->reply_bytes_max;
    if (agent->connection)
        agent->connection->framing.line.max = call->reply_bytes_max;
    call->answer.sent_mono_ns = clock_monotonic_ns();
    call->answer.sent_ns = clock_realtime_ns();
    agent_start_deadline(agent, agent->shared || may_wait(agent, call->timeout_ns)
                                    ? call->timeout_ns
                                    : 0);
    if (agent->shared)
        ask_on_visit(agent);
    else if (agent->connection)
        ask(agent);
}

/* --- life --- */

static void
start_timer(struct agent_socket *agent, uv_timer_t *timer)
{
    uv_timer_init(agent->loop, timer);
    timer->data = agent;
    agent->open_timers++;
}

struct agent_socket *
agent_socket_open(uv_loop_t *loop, struct socket_queues *queues, const char *path,
                  enum socket_use use, const struct agent_socket_listener *listener)
{
    struct agent_socket *agent = memory_new(1, sizeof(*agent));

    agent->loop = loop;
    agent->queues = queues;
    agent->path = memory_string(path);
    agent->use = use;
    agent->shared = use != SOCKET_KEPT;
    agent->listener = *listener;
    agent->deadline_passed = deadline_passed;
    agent->reconnect_ms = RECONNECT_FIRST_MS;
    agent->reply_bytes_max = REPLY_BYTES_FIRST;
    failure_set(&agent->refused, FAILURE_DISCONNECTED, "%s: not connected yet", path);
    start_timer(agent, &agent->deadline);
    start_timer(agent, &agent->reconnect);
    start_timer(agent, &agent->look);
    return agent;
}

void
agent_socket_connect(struct agent_socket *agent)
{
    agent_renew(agent);
}

void
agent_socket_retry(struct agent_socket *agent)
{
    agent_retry(agent);
}

void
agent_socket_end_visit(struct agent_socket *agent)
{
    if (agent->shared && !agent->call)
        agent_leave_connection(agent);
}

static void
timer_closed(uv_handle_t *timer)
{
    struct agent_socket *agent = timer->data;

    if (--agent->open_timers > 0)
        return;
    free(agent->path);
    free(agent);
}

void
agent_socket_forget_call(struct agent_socket *agent)
{
    agent->call = NULL;
}

void
agent_socket_close(struct agent_socket *agent)
{
    struct failure why;

    failure_set(&why, FAILURE_NOT_RUNNING, "%s: the socket is gone", agent->path);
    agent_leave_connection(agent);
    agent_finish(agent, &why);
    uv_close((uv_handle_t *)&agent->deadline, timer_closed);
    uv_close((uv_handle_t *)&agent->reconnect, timer_closed);
    uv_close((uv_handle_t *)&agent->look, timer_closed);
}
