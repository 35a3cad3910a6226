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

static void
take_reply(void *context)
{
    struct agent_socket *agent = context;
    struct agent_connection *connection = agent->connection;
    struct answer *answer = &agent->call->answer;
    const struct failure none = {.kind = FAILURE_NONE};

    answer->received_mono_ns = connection->received_mono_ns;
    answer->received_ns = connection->received_ns;
    /* One that closes after every reply is not reconnected at once for ever. */
    if (answer->received_mono_ns - agent->connected_ns > RECONNECT_MAX_MS * NS_PER_MS)
        agent->reconnect_ms = RECONNECT_FIRST_MS;
    answer->reply = text_take(&connection->framing.line, &answer->reply_length);
    /* Others would not be seen. */
    if (agent->shared && agent->visit.blind)
        agent_leave_connection(agent);
    agent_finish(agent, &none);
}

static void
take_sync(void *context)
{
    struct agent_socket *agent = context;
    bool gave_up = agent->gave_up;

    agent->was_in_step = true;
    agent->gave_up = false;
    if (agent->call && agent_may_go_on(agent))
        agent_send_command(agent);
    else if (agent->call)
        agent_make_room(agent);
    else if (gave_up)
        agent->listener.woke(agent->listener.context);
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
    pid_t process = socket_peer_pid(agent->connection->fd);
    bool shared = agent->use == SOCKET_SHARED ||
                  (agent->use == SOCKET_AUTO && !socket_peer_is_agent(process));

    if (shared != agent->shared) {
        agent->shared = shared;
        agent->listener.found_out(agent->listener.context);
    }
    if (agent->listener.met)
        agent->listener.met(agent->listener.context, process);
}

static void
connected(struct agent_socket *agent, int fd)
{
    const struct agent_connection_listener listener = {.synced = take_sync,
                                                       .replied = take_reply,
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
agent_retry(struct agent_socket *agent)
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
agent_renew(struct agent_socket *agent)
{
    struct failure why;

    failure_set(&why, FAILURE_DISCONNECTED, "%s: the socket was made anew",
                agent->path);
    if (agent->connection)
        agent_lose_connection(agent, FAILURE_DISCONNECTED, "the socket was made anew");
    else if (agent->shared && agent->present)
        announce(agent, false, &why);
    agent->shared = agent->use != SOCKET_KEPT;
    agent_retry(agent);
}
