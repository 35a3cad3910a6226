/* Bytes to an agent and from it. */
#include "source/socket/connection.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "source/socket/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)
#define REQUEST_BYTES_MAX 512

/* Of all large replies on their way: the process's, as its memory is; the loop
 * thread's. */
static size_t large_bytes;

static void
count_large(struct agent_connection *connection, size_t bytes)
{
    size_t counted = bytes > AGENT_SMALL_REPLY_BYTES ? bytes : 0;

    large_bytes += counted - connection->large_bytes;
    connection->large_bytes = counted;
}

/* Whether there is room for what it holds. */
static bool
has_room(struct agent_connection *connection)
{
    count_large(connection, connection->framing.line.length);
    return connection->large_bytes == 0 || large_bytes <= AGENT_LARGE_REPLIES_BYTES_MAX;
}

static void
take_bytes(struct agent_connection *connection, const char *bytes, size_t length)
{
    const struct agent_connection_listener *listener = &connection->listener;
    struct framing *framing = &connection->framing;
    size_t taken;
    enum framing_event event = framing_feed(framing, bytes, length, &taken);

    /* What came in the same breath was said before the next command is sent, and must
     * not become its answer. */
    if ((event == FRAMING_SYNCED || event == FRAMING_REPLY) && taken < length)
        event = framing_feed(framing, bytes + taken, length - taken, &taken);
    if (event != FRAMING_NOTHING)
        count_large(connection, 0); /* it is whoever's takes it, or nothing */
    switch (event) {
    case FRAMING_NOTHING:
        if (!has_room(connection))
            listener->failed(listener->context, FAILURE_TOO_LARGE,
                             "too many agents send large replies at the same time");
        break;
    case FRAMING_SYNCED:
        listener->synced(listener->context);
        break;
    case FRAMING_REPLY:
        listener->replied(listener->context);
        break;
    case FRAMING_FAILED:
        listener->failed(listener->context, framing->failure.kind,
                         framing->failure.text);
        break;
    }
}

static void
readable(uv_poll_t *poll, int status, int events)
{
    static char bytes[READ_BYTES]; /* the loop thread's */
    struct agent_connection *connection = poll->data;

    (void)events;
    if (connection->fd < 0)
        return;
    connection->received_mono_ns = clock_monotonic_ns();
    connection->received_ns = clock_realtime_ns();
    ssize_t length = status < 0 ? 0 : read(connection->fd, bytes, sizeof(bytes));

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length > 0)
        take_bytes(connection, bytes, (size_t)length);
    else
        connection->listener.failed(connection->listener.context, FAILURE_DISCONNECTED,
                                    "the agent has closed the socket");
}

/* The agent gets all of it at once or is not there: requests are short. */
static int
send_request(struct agent_connection *connection, const struct text *request)
{
    ssize_t sent = write(connection->fd, request->bytes, request->length);

    if (sent == (ssize_t)request->length)
        return 0;
    framing_give_up(&connection->framing);
    /* One that reads nothing is known by the deadline. */
    return sent < 0 && errno == EAGAIN ? 0 : -1;
}

int
agent_connection_sync(struct agent_connection *connection, int64_t id)
{
    struct text request = TEXT_INIT(REQUEST_BYTES_MAX);

    if (id < 0)
        framing_sync_plain(&connection->framing, id, &request);
    else
        framing_sync(&connection->framing, id, &request);
    int status = send_request(connection, &request);

    count_large(connection, 0);
    text_free(&request);
    return status;
}

int
agent_connection_command(struct agent_connection *connection,
                         const struct request *request)
{
    struct text bytes = TEXT_INIT(REQUEST_BYTES_MAX);

    framing_command(&connection->framing, request, &bytes);
    int status = send_request(connection, &bytes);

    text_free(&bytes);
    return status;
}

struct agent_connection *
agent_connection_open(uv_loop_t *loop, int fd, size_t reply_bytes_max,
                      const struct agent_connection_listener *listener)
{
    struct agent_connection *connection = memory_new(1, sizeof(*connection));

    connection->fd = fd;
    connection->listener = *listener;
    framing_init(&connection->framing, reply_bytes_max);
    uv_poll_init(loop, &connection->poll, fd);
    connection->poll.data = connection;
    uv_poll_start(&connection->poll, UV_READABLE, readable);
    return connection;
}

static void
connection_closed(uv_handle_t *handle)
{
    struct agent_connection *connection = handle->data;

    framing_free(&connection->framing);
    free(connection);
}

bool
agent_connection_has_unread(const struct agent_connection *connection)
{
    struct pollfd ready = {.fd = connection->fd, .events = POLLIN};

    return poll(&ready, 1, 0) > 0;
}

void
agent_connection_leave(struct agent_connection *connection)
{
    count_large(connection, 0);
    uv_poll_stop(&connection->poll);
    uv_close((uv_handle_t *)&connection->poll, connection_closed);
    socket_disconnect(connection->fd);
    connection->fd = -1;
}
