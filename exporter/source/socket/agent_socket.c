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

#include <stdlib.h>

/* Until the first call says what the config does. */
#define REPLY_BYTES_FIRST ((size_t)1024 * 1024)
/* Calls in flight at once.  They hold no thread, only memory for what is read. */
#define CAPACITY 1024
/* Turns of the loop, each of which reads 64 KiB, that a call is given whose answer is
 * there as its time is up. */
#define REPRIEVES_MAX 16

bool
agent_socket_is_shared(const struct agent_socket *agent)
{
    return agent->shared;
}

/* --- how a connection is had and lost --- */

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

static void try_to_connect(uv_timer_t *timer);

static void
try_again_later(struct agent_socket *agent)
{
    uv_timer_start(&agent->reconnect, try_to_connect, agent->reconnect_ms, 0);
    agent->reconnect_ms = 2 * agent->reconnect_ms < RECONNECT_MAX_MS
                              ? 2 * agent->reconnect_ms
                              : RECONNECT_MAX_MS;
}

static void
lose_connection(struct agent_socket *agent, enum failure_kind kind, const char *text)
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
    lose_connection(context, kind, text);
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

static void
try_to_connect(uv_timer_t *timer)
{
    struct agent_socket *agent = timer->data;

    if (agent->connection)
        return;
    if (agent->shared && agent->call &&
        socket_queues_waiting(agent->queues, agent->path) > 0) {
        agent_make_room(agent);
        return;
    }
    int fd = socket_connect(agent->path, &agent->refused);

    if (fd >= 0)
        connected(agent, fd);
    else
        not_connected(agent);
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
        lose_connection(agent, FAILURE_DISCONNECTED,
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
        uv_timer_start(&agent->reconnect, try_to_connect, 0, 0);
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
agent_socket_retry(struct agent_socket *agent)
{
    agent->reconnect_ms = RECONNECT_FIRST_MS;
    if (!agent->shared) {
        try_to_connect(&agent->reconnect);
        return;
    }
    if (!is_news(agent))
        return;
    /* Who listens is known without a connection; else one is tried. */
    if (socket_queues_waiting(agent->queues, agent->path) < 0) {
        try_to_connect(&agent->reconnect);
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
        lose_connection(agent, FAILURE_DISCONNECTED, "the socket was made anew");
    else if (agent->shared && agent->present)
        announce(agent, false, &why);
    agent->shared = agent->use != SOCKET_KEPT;
    agent_socket_retry(agent);
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

/* --- for drivers --- */

struct source_capacity
agent_sockets_capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = CAPACITY, .calls = CAPACITY};
}

enum call_stage
agent_sockets_stage(const struct source *source, const struct call *call)
{
    (void)source;
    (void)call;
    return CALL_RUNS;
}
