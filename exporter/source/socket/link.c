/* How the connection to an agent's socket is had, and how it is lost. */
#include "source/socket/inside.h"

#include "base/clock.h"
#include "source/socket/connect.h"
#include "source/socket/peer.h"
#include "source/socket/queue.h"
#include "source/source.h"

static void
announce(struct agent_socket *agent, bool present, const struct failure *why)
{
    bool was_present = agent->present;

    agent->present = present;
    if (present)
        agent->listener.came(agent->listener.context);
    else if (was_present)
        agent->listener.went(agent->listener.context, why);
}

void
agent_leave_connection(struct agent_socket *agent)
{
    struct agent_connection *connection = agent->connection;

    if (!connection)
        return;
    agent->connection = NULL;
    agent->broken = false;
    uv_timer_stop(&agent->look);
    agent_connection_leave(connection);
}

static void
try_again_later(struct agent_socket *agent)
{
    uv_timer_start(&agent->reconnect, agent_try_to_connect, agent->reconnect_ms, 0);
    agent->reconnect_ms = 2 * agent->reconnect_ms < RECONNECT_MAX_MS
                              ? 2 * agent->reconnect_ms
                              : RECONNECT_MAX_MS;
}

void
agent_lose_connection(struct agent_socket *agent, enum failure_kind kind,
                      const char *text)
{
    struct failure why;

    failure_set(&why, kind, "%s: %s", agent->path, text);
    agent->refused = why;
    agent_leave_connection(agent);
    if (!agent->shared || kind == FAILURE_DISCONNECTED)
        try_again_later(agent);
    /* One that breaks the protocol is there all the same: that we connect to it again
     * is no news, and ends no back-off. */
    if (kind == FAILURE_DISCONNECTED)
        announce(agent, false, &why);
    agent_finish(agent, &why);
}

static void
connection_failed(void *context, enum failure_kind kind, const char *text)
{
    agent_lose_connection(context, kind, text);
}

/* What was due to be told: that there was nobody, or that somebody kept us out. */
static bool
is_news(const struct agent_socket *agent)
{
    return !agent->present || agent->refused.kind == FAILURE_HELD ||
           agent->refused.kind == FAILURE_DENIED;
}

/* Only qemu-ga itself is known to have no other clients. */
static void
find_out(struct agent_socket *agent)
{
    bool shared = agent->use == SOCKET_SHARED ||
                  (agent->use == SOCKET_AUTO &&
                   !socket_peer_is_agent(socket_peer_pid(agent->connection->fd)));

    if (shared == agent->shared)
        return;
    agent->shared = shared;
    agent->listener.found_out(agent->listener.context);
}

static void
connected(struct agent_socket *agent, int fd)
{
    const struct agent_connection_listener listener = {.synced = agent_take_sync,
                                                       .replied = agent_take_reply,
                                                       .failed = connection_failed,
                                                       .context = agent};
    bool news = is_news(agent);

    agent->connection =
        agent_connection_open(agent->loop, fd, agent->reply_bytes_max, &listener);
    agent->was_in_step = false;
    agent->gave_up = false;
    agent->connected_ns = clock_monotonic_ns();
    agent->refused.kind = agent->prompt.kind = FAILURE_NONE;
    find_out(agent);
    if (agent->call) /* it waited for the connection */
        agent_start_deadline(agent, agent->call->timeout_ns);
    if (agent->shared)
        agent_begin_visit(agent);
    else
        agent_send_sync(agent);
    if (news)
        announce(agent, true, NULL);
}

static void
not_connected(struct agent_socket *agent)
{
    /* Somebody is there whom a call may reach, or who has to be complained about. */
    bool present = agent->refused.kind != FAILURE_DISCONNECTED;

    if (agent->shared && agent->refused.kind == FAILURE_HELD)
        agent->refused.kind = FAILURE_NONE; /* as it must be expected */
    else
        try_again_later(agent);
    if (present != agent->present)
        announce(agent, present, &agent->refused);
    if (agent->shared && present && agent->refused.kind == FAILURE_NONE)
        agent_make_room(agent);
    else if (agent->shared)
        agent_finish(agent, &agent->refused);
}

void
agent_try_to_connect(uv_timer_t *timer)
{
    struct agent_socket *agent = timer->data;

    if (agent->connection)
        return;
    if (agent->shared && agent->call && visit_is_in_vain(agent->queues, agent->path)) {
        agent_make_room(agent);
        return;
    }
    int fd = socket_connect(agent->path, &agent->refused);

    if (fd >= 0)
        connected(agent, fd);
    else
        not_connected(agent);
}

void
agent_socket_retry(struct agent_socket *agent)
{
    agent->reconnect_ms = RECONNECT_FIRST_MS;
    if (!agent->shared) {
        agent_try_to_connect(&agent->reconnect);
        return;
    }
    if (!is_news(agent))
        return;
    /* Who listens is known without a connection; else one is tried. */
    if (socket_queues_waiting(agent->queues, agent->path) < 0) {
        agent_try_to_connect(&agent->reconnect);
        return;
    }
    agent->refused.kind = FAILURE_NONE;
    announce(agent, true, NULL);
}

void
agent_socket_connect(struct agent_socket *agent)
{
    struct failure why;

    failure_set(&why, FAILURE_DISCONNECTED, "%s: the socket was made anew",
                agent->path);
    if (agent->connection)
        agent_lose_connection(agent, FAILURE_DISCONNECTED, "the socket was made anew");
    else if (agent->shared && agent->present)
        announce(agent, false, &why);
    agent->shared = agent->use != SOCKET_KEPT;
    agent_socket_retry(agent);
}
