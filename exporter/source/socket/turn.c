/* The call in flight: what is sent for it, and how it ends. */
#include "source/socket/inside.h"

#include "base/clock.h"
#include "source/socket/peer.h"
#include "source/source.h"

#include <sys/random.h>

/* An id of more bits is not an integer to every JSON parser. */
#define SYNC_ID_MASK ((INT64_C(1) << 53) - 1)

void
agent_finish(struct agent_socket *agent, const struct failure *why)
{
    struct call *call = agent->call;

    if (!call)
        return;
    agent->call = NULL;
    uv_timer_stop(&agent->deadline);
    call->answer.failure = *why;
    if (why->kind != FAILURE_NONE) {
        call->answer.received_ns = clock_realtime_ns();
        call->answer.received_mono_ns = clock_monotonic_ns();
    }
    call->done(call);
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

void
agent_start_deadline(struct agent_socket *agent, int64_t timeout_ns)
{
    agent->reprieves = 0;
    uv_update_time(agent->loop);
    uv_timer_start(&agent->deadline, agent->deadline_passed,
                   (uint64_t)(timeout_ns / NS_PER_MS), 0);
}

/* Whoever asks is not told from within that nobody is there, but as soon as the loop
 * comes round. */
static void
mark_broken(struct agent_socket *agent)
{
    agent->broken = true;
    agent_start_deadline(agent, 0);
}

static int64_t
new_sync_id(const struct agent_socket *agent)
{
    int64_t id = 0;

    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) < 0)
        id = clock_monotonic_ns();
    id = (id & SYNC_ID_MASK) | 1;
    return agent->shared ? -id : id;
}

void
agent_send_sync(struct agent_socket *agent)
{
    struct agent_connection *connection = agent->connection;

    /* What was sent before is still to be read: another sync would only pile up. */
    if (connection->framing.state == FRAMING_SYNCING &&
        socket_peer_has_unread(connection->fd))
        return;
    if (agent_connection_sync(connection, new_sync_id(agent)) < 0)
        mark_broken(agent);
}

void
agent_send_command(struct agent_socket *agent)
{
    struct call *call = agent->call;

    agent_start_deadline(agent, call->timeout_ns);
    call->answer.sent_mono_ns = clock_monotonic_ns();
    call->answer.sent_ns = clock_realtime_ns();
    if (agent_connection_command(agent->connection, &call->request) < 0)
        mark_broken(agent);
}
