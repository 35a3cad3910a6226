/* Visits to an agent's socket that others want too. */
#include "source/socket/inside.h"

#include "base/clock.h"

#define LOOK_FIRST_MS 1
#define LOOK_MAX_MS 8

/* Somebody else has the agent, or wants it: that is no failure of the guest, and what
 * is due is asked soon. */
void
agent_leave_room(struct agent_socket *agent, struct failure *why)
{
    failure_set(why, FAILURE_BUSY, "%s: another program uses the agent's socket",
                agent->path);
    agent_leave_connection(agent);
}

void
agent_make_room(struct agent_socket *agent)
{
    struct failure why;

    agent_leave_room(agent, &why);
    agent_finish(agent, &why);
}

static void look(uv_timer_t *timer);

static void
look_later(struct agent_socket *agent)
{
    uv_timer_start(&agent->look, look, agent->look_ms, 0);
    agent->look_ms =
        2 * agent->look_ms < LOOK_MAX_MS ? 2 * agent->look_ms : LOOK_MAX_MS;
}

static bool
is_idle(const struct agent_socket *agent)
{
    return !agent->call && clock_monotonic_ns() - agent->visit.since_ns > VISIT_IDLE_NS;
}

/* A command that is on its way is waited for: the agent answers one after the other, so
 * nobody would be answered sooner if we left.  A sync is not: where the agent sleeps,
 * it may take long. */
static void
look(uv_timer_t *timer)
{
    struct agent_socket *agent = timer->data;
    const struct agent_connection *connection = agent->connection;

    look_later(agent);
    if (connection->framing.state == FRAMING_AWAITING)
        return;
    enum visit_advice advice =
        visit_look(&agent->visit, connection->fd, clock_monotonic_ns());

    if (advice == VISIT_LEAVE || is_idle(agent))
        agent_make_room(agent);
    else if (advice == VISIT_GO_ON && connection->framing.state == FRAMING_OUT_OF_STEP)
        agent_send_sync(agent);
}

/* Before a call of a visit that has begun; whether there is room for it. */
bool
agent_may_go_on(struct agent_socket *agent)
{
    int64_t now_ns = clock_monotonic_ns();

    if (!agent->shared)
        return true;
    agent->visit.since_ns = now_ns;
    return visit_look(&agent->visit, agent->connection->fd, now_ns) != VISIT_LEAVE;
}

void
agent_begin_visit(struct agent_socket *agent)
{
    visit_begin(&agent->visit, agent->queues, agent->path, agent->connected_ns);
    agent->look_ms = LOOK_FIRST_MS;
    if (agent->call)
        look_later(agent);
    else
        agent_leave_connection(
            agent); /* it was only to be known whether somebody is there */
}
