/* An agent's socket on the loop.
 *
 * The connection is kept: without a client a virtio-serial agent wakes ten times a
 * second, and QEMU throws away what it says.  What comes is always read: an agent whose
 * reply is not read spins.  At most one command and one sync are on the way, so nothing
 * piles up in a guest whose agent is not there, and the sync that is answered late
 * tells that it is back. */
#include "source/socket/agent_socket.h"

#include "agent/framing.h"
#include "base/clock.h"
#include "kit/memory.h"
#include "source/socket/connect.h"
#include "source/socket/peer.h"
#include "source/source.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

#define RECONNECT_FIRST_MS 250
#define RECONNECT_MAX_MS 5000
#define NS_PER_MS INT64_C(1000000)
#define READ_BYTES (64 * 1024)
#define REQUEST_BYTES_MAX 512
/* Until the first call says what the config does. */
#define REPLY_BYTES_FIRST ((size_t)1024 * 1024)
/* An id of more bits is not an integer to every JSON parser. */
#define SYNC_ID_MASK ((INT64_C(1) << 53) - 1)

struct agent_connection {
    uv_poll_t poll;
    int fd;
    struct agent_socket *agent; /* NULL: left */
};

struct agent_socket {
    uv_loop_t *loop;
    char *path;
    struct agent_socket_listener listener;
    struct agent_connection *connection; /* NULL: none */
    struct framing framing;
    struct call *call;      /* in flight */
    struct failure prompt;  /* the call fails with it as soon as the loop comes round */
    struct failure refused; /* why there is no connection */
    bool present;           /* as announced */
    bool was_in_step;       /* on this connection, at least once */
    int64_t connected_ns;   /* CLOCK_MONOTONIC */
    bool gave_up;           /* a call did: a late sync is news */
    bool broken; /* the connection is to be lost as soon as the loop comes round */
    uint64_t reconnect_ms;
    uv_timer_t deadline, reconnect;
    unsigned int open_timers;
};

static void deadline_passed(uv_timer_t *timer);
static void try_to_connect(uv_timer_t *timer);

/* --- the call --- */

static void
finish(struct agent_socket *agent, const struct failure *why)
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

/* --- the connection --- */

static void
connection_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
leave_connection(struct agent_socket *agent)
{
    struct agent_connection *connection = agent->connection;

    if (!connection)
        return;
    agent->connection = NULL;
    agent->broken = false;
    connection->agent = NULL;
    uv_poll_stop(&connection->poll);
    uv_close((uv_handle_t *)&connection->poll, connection_closed);
    socket_disconnect(connection->fd);
    framing_give_up(&agent->framing);
}

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
    leave_connection(agent);
    try_again_later(agent);
    /* One that breaks the protocol is there all the same: that we connect to it again
     * is no news, and ends no back-off. */
    if (kind == FAILURE_DISCONNECTED)
        announce(agent, false, &why);
    finish(agent, &why);
}

static void
start_deadline(struct agent_socket *agent, int64_t timeout_ns)
{
    uv_timer_start(&agent->deadline, deadline_passed,
                   (uint64_t)(timeout_ns / NS_PER_MS), 0);
}

/* The agent gets all of it at once or is not there: requests are short.  Whoever asks
 * is not told from within that there is nobody, but as soon as the loop comes round. */
static void
send_request(struct agent_socket *agent, const struct text *request)
{
    ssize_t sent = write(agent->connection->fd, request->bytes, request->length);

    if (sent == (ssize_t)request->length)
        return;
    framing_give_up(&agent->framing);
    if (sent < 0 && errno == EAGAIN)
        return; /* it reads nothing; the deadline tells */
    agent->broken = true;
    start_deadline(agent, 0);
}

static void
send_sync(struct agent_socket *agent)
{
    struct text request = TEXT_INIT(REQUEST_BYTES_MAX);
    int64_t id = 0;

    /* What was sent before is still to be read: another sync would only pile up. */
    if (agent->framing.state == FRAMING_SYNCING &&
        socket_peer_has_unread(agent->connection->fd))
        return;
    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) < 0)
        id = clock_monotonic_ns();
    framing_sync(&agent->framing, (id & SYNC_ID_MASK) | 1, &request);
    send_request(agent, &request);
    text_free(&request);
}

static void
send_command(struct agent_socket *agent)
{
    struct text request = TEXT_INIT(REQUEST_BYTES_MAX);
    struct call *call = agent->call;

    framing_command(&agent->framing, &call->request, &request);
    start_deadline(agent, call->timeout_ns);
    call->answer.sent_mono_ns = clock_monotonic_ns();
    call->answer.sent_ns = clock_realtime_ns();
    send_request(agent, &request);
    text_free(&request);
}

static void
take_reply(struct agent_socket *agent)
{
    struct answer *answer = &agent->call->answer;
    const struct failure none = {.kind = FAILURE_NONE};

    /* One that closes after every reply is not reconnected at once for ever. */
    if (answer->received_mono_ns - agent->connected_ns > RECONNECT_MAX_MS * NS_PER_MS)
        agent->reconnect_ms = RECONNECT_FIRST_MS;
    answer->reply = text_take(&agent->framing.line, &answer->reply_length);
    finish(agent, &none);
}

static void
take_sync(struct agent_socket *agent)
{
    bool gave_up = agent->gave_up;

    agent->was_in_step = true;
    agent->gave_up = false;
    if (agent->call)
        send_command(agent);
    else if (gave_up)
        agent->listener.woke(agent->listener.context);
}

/* Also what a command's end leads to: the next command may be on its way afterwards. */
static void
take_bytes(struct agent_socket *agent, const char *bytes, size_t length)
{
    size_t taken;
    enum framing_event event = framing_feed(&agent->framing, bytes, length, &taken);

    /* What came in the same breath was said before the next command is sent, and must
     * not become its answer. */
    if ((event == FRAMING_SYNCED || event == FRAMING_REPLY) && taken < length)
        event = framing_feed(&agent->framing, bytes + taken, length - taken, &taken);
    switch (event) {
    case FRAMING_NOTHING:
        break;
    case FRAMING_SYNCED:
        take_sync(agent);
        break;
    case FRAMING_REPLY:
        take_reply(agent);
        break;
    case FRAMING_FAILED:
        lose_connection(agent, agent->framing.failure.kind,
                        agent->framing.failure.text);
        break;
    }
}

static void
readable(uv_poll_t *poll, int status, int events)
{
    static char bytes[READ_BYTES]; /* the loop thread's */
    struct agent_connection *connection = poll->data;
    struct agent_socket *agent = connection->agent;

    (void)events;
    if (!agent)
        return;
    /* The arrival, as close as can be known: before the bytes are even read. */
    int64_t received_mono_ns = clock_monotonic_ns();
    int64_t received_ns = clock_realtime_ns();
    ssize_t length = status < 0 ? 0 : read(connection->fd, bytes, sizeof(bytes));

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        lose_connection(agent, FAILURE_DISCONNECTED, "the agent has closed the socket");
        return;
    }
    if (agent->call) {
        agent->call->answer.received_mono_ns = received_mono_ns;
        agent->call->answer.received_ns = received_ns;
    }
    take_bytes(agent, bytes, (size_t)length);
}

/* What was due to be told: that there was nobody, or that somebody kept us out. */
static bool
is_news(const struct agent_socket *agent)
{
    return !agent->present || agent->refused.kind == FAILURE_HELD ||
           agent->refused.kind == FAILURE_DENIED;
}

static void
connected(struct agent_socket *agent, int fd)
{
    bool news = is_news(agent);
    struct agent_connection *connection = memory_new(1, sizeof(*connection));

    connection->fd = fd;
    connection->agent = agent;
    uv_poll_init(agent->loop, &connection->poll, fd);
    connection->poll.data = connection;
    uv_poll_start(&connection->poll, UV_READABLE, readable);
    agent->connection = connection;
    agent->was_in_step = false;
    agent->gave_up = false;
    agent->connected_ns = clock_monotonic_ns();
    agent->refused.kind = agent->prompt.kind = FAILURE_NONE;
    framing_reset(&agent->framing);
    if (agent->call) /* it waited for the connection */
        start_deadline(agent, agent->call->timeout_ns);
    send_sync(agent);
    if (agent->connection == connection && news)
        announce(agent, true, NULL);
}

static void
try_to_connect(uv_timer_t *timer)
{
    struct agent_socket *agent = timer->data;

    if (agent->connection)
        return;
    int fd = socket_connect(agent->path, &agent->refused);

    if (fd >= 0) {
        connected(agent, fd);
        return;
    }
    try_again_later(agent);
    /* Somebody is there whom a call may reach, or who has to be complained about. */
    bool present = agent->refused.kind != FAILURE_DISCONNECTED;

    if (present != agent->present)
        announce(agent, present, &agent->refused);
}

/* --- deadlines --- */

static void
no_sync(struct agent_socket *agent, struct failure *why)
{
    int fd = agent->connection->fd;

    if (socket_peer_is_waiting(fd))
        socket_explain_held(agent->path, why);
    else if (!agent->was_in_step && socket_peer_has_unread(fd))
        failure_set(why, FAILURE_DISCONNECTED,
                    "%s: nobody in the guest reads; start its guest agent",
                    agent->path);
    else
        failure_set(why, FAILURE_TIMEOUT, "%s: the agent does not answer a sync",
                    agent->path);
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
    if (!agent->call)
        return;
    agent->gave_up = true;
    if (why.kind == FAILURE_NONE && agent->framing.state == FRAMING_AWAITING) {
        failure_set(&why, FAILURE_TIMEOUT, "%s: the agent does not answer %s in time",
                    agent->path, agent->call->request.command);
        framing_give_up(&agent->framing);
        send_sync(agent);
    } else if (why.kind == FAILURE_NONE && agent->connection) {
        no_sync(agent, &why);
    }
    finish(agent, &why);
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

void
agent_socket_call(struct agent_socket *agent, struct call *call)
{
    agent->call = call;
    agent->prompt = agent->refused;
    agent->framing.line.max = call->reply_bytes_max;
    call->answer.sent_mono_ns = clock_monotonic_ns();
    call->answer.sent_ns = clock_realtime_ns();
    start_deadline(agent, may_wait(agent, call->timeout_ns) ? call->timeout_ns : 0);
    if (!agent->connection)
        return;
    if (agent->framing.state == FRAMING_IDLE)
        send_command(agent);
    else
        send_sync(agent);
}

/* --- life --- */

static void
start_timer(struct agent_socket *agent, uv_timer_t *timer, uv_timer_cb callback)
{
    uv_timer_init(agent->loop, timer);
    timer->data = agent;
    timer->timer_cb = callback;
    agent->open_timers++;
}

struct agent_socket *
agent_socket_open(uv_loop_t *loop, const char *path,
                  const struct agent_socket_listener *listener)
{
    struct agent_socket *agent = memory_new(1, sizeof(*agent));

    agent->loop = loop;
    agent->path = memory_string(path);
    agent->listener = *listener;
    agent->reconnect_ms = RECONNECT_FIRST_MS;
    framing_init(&agent->framing, REPLY_BYTES_FIRST);
    failure_set(&agent->refused, FAILURE_DISCONNECTED, "%s: not connected yet", path);
    start_timer(agent, &agent->deadline, deadline_passed);
    start_timer(agent, &agent->reconnect, try_to_connect);
    return agent;
}

void
agent_socket_retry(struct agent_socket *agent)
{
    agent->reconnect_ms = RECONNECT_FIRST_MS;
    try_to_connect(&agent->reconnect);
}

void
agent_socket_connect(struct agent_socket *agent)
{
    if (agent->connection)
        lose_connection(agent, FAILURE_DISCONNECTED, "the socket was made anew");
    agent_socket_retry(agent);
}

static void
timer_closed(uv_handle_t *timer)
{
    struct agent_socket *agent = timer->data;

    if (--agent->open_timers > 0)
        return;
    framing_free(&agent->framing);
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
    leave_connection(agent);
    finish(agent, &why);
    uv_close((uv_handle_t *)&agent->deadline, timer_closed);
    uv_close((uv_handle_t *)&agent->reconnect, timer_closed);
}
