/* Frames on a stream. */
#include "broker/channel.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "kit/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define READ_BYTES ((size_t)64 * 1024)
/* A buffer that was larger is given back. */
#define KEPT_BYTES ((size_t)256 * 1024)

struct head {
    uint32_t length; /* of what follows */
    uint32_t kind;
};

struct channel {
    uv_pipe_t pipe;
    uv_prepare_t flush; /* once a turn, for all that was said in it */
    uv_timer_t soon;    /* the same, at a tick */
    uv_timer_t report;  /* that it is broken */
    unsigned int open_handles;
    struct channel_listener listener;
    size_t bytes_max;
    struct text in, out;
    const char *trouble; /* NULL: it is whole */
    bool is_closed;
};

struct sending {
    uv_write_t request;
    char *bytes;
};

static void
report(uv_timer_t *timer)
{
    struct channel *channel = timer->data;

    channel->listener.broke(channel->listener.context, channel->trouble);
}

static void
be_broken(struct channel *channel, const char *why)
{
    if (channel->trouble)
        return;
    channel->trouble = why;
    (void)uv_read_stop((uv_stream_t *)&channel->pipe);
    (void)uv_timer_start(&channel->report, report, 0, 0);
}

/* --- what comes --- */

/* How much of the bytes was used up. */
static size_t
take_messages(struct channel *channel, const char *bytes, size_t length)
{
    size_t taken = 0;
    struct head head;

    while (!channel->trouble && !channel->is_closed && length - taken >= sizeof(head)) {
        memcpy(&head, bytes + taken, sizeof(head));
        if (head.length > channel->bytes_max) {
            be_broken(channel, "a message over the limit came");
            break;
        }
        if (length - taken - sizeof(head) < head.length)
            break;
        struct bytes message = {.at = bytes + taken + sizeof(head)};

        message.end = message.at + head.length;
        taken += sizeof(head) + head.length;
        if (!channel->listener.told(channel->listener.context, head.kind, &message))
            be_broken(channel, "a message came that means nothing");
    }
    return taken;
}

/* What is whole is taken from where it was read, as a rule. */
static void
take_bytes(struct channel *channel, const char *bytes, size_t length)
{
    struct text *in = &channel->in;

    if (in->length == 0) {
        size_t taken = take_messages(channel, bytes, length);

        text_add(in, bytes + taken, length - taken);
        return;
    }
    text_add(in, bytes, length);
    size_t taken = take_messages(channel, in->bytes, in->length), rest;

    rest = in->length - taken;
    if (taken == 0)
        return;
    memmove(in->bytes, in->bytes + taken, rest);
    in->length = rest;
    if (rest == 0 && in->capacity > KEPT_BYTES)
        text_free(in);
}

static void
lend(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    static char bytes[READ_BYTES]; /* the loop thread's */

    (void)handle;
    (void)wanted;
    *buffer = uv_buf_init(bytes, sizeof(bytes));
}

static void
readable(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct channel *channel = stream->data;

    if (length < 0)
        be_broken(channel, "its other end is gone");
    else
        take_bytes(channel, buffer->base, (size_t)length);
}

/* --- what goes --- */

static void
sent(uv_write_t *request, int status)
{
    struct sending *sending = (struct sending *)request;
    struct channel *channel = request->data;

    if (status < 0 && !channel->is_closed)
        be_broken(channel, "its other end is gone");
    free(sending->bytes);
    free(sending);
}

static void
send_waiting(struct channel *channel)
{
    struct sending *sending = memory_new(1, sizeof(*sending));
    size_t length;

    sending->bytes = text_take(&channel->out, &length);
    sending->request.data = channel;
    uv_buf_t buffer = uv_buf_init(sending->bytes, (unsigned int)length);

    if (uv_write(&sending->request, (uv_stream_t *)&channel->pipe, &buffer, 1, sent) ==
        0)
        return;
    be_broken(channel, "its other end is gone");
    free(sending->bytes);
    free(sending);
}

/* Mostly it goes at once, and the buffer is kept. */
static void
flush(struct channel *channel)
{
    struct text *out = &channel->out;
    uv_stream_t *stream = (uv_stream_t *)&channel->pipe;

    (void)uv_prepare_stop(&channel->flush);
    (void)uv_timer_stop(&channel->soon);
    if (out->length == 0 || channel->trouble)
        return;
    uv_buf_t buffer = uv_buf_init(out->bytes, (unsigned int)out->length);
    int written = uv_stream_get_write_queue_size(stream) == 0
                      ? uv_try_write(stream, &buffer, 1)
                      : 0;

    if (written == (int)out->length && out->capacity <= KEPT_BYTES) {
        text_clear(out);
        return;
    }
    if (written == (int)out->length) {
        text_free(out);
        return;
    }
    if (written > 0) {
        memmove(out->bytes, out->bytes + written, out->length - (size_t)written);
        out->length -= (size_t)written;
    }
    send_waiting(channel);
}

static void
turn_ends(uv_prepare_t *prepare)
{
    flush(prepare->data);
}

static void
tick_comes(uv_timer_t *timer)
{
    flush(timer->data);
}

static void
tell(struct channel *channel, unsigned int kind, const struct text *message,
     enum channel_haste haste)
{
    const struct head head = {.length = (uint32_t)message->length, .kind = kind};

    if (channel->trouble)
        return;
    if (message->overflow ||
        uv_stream_get_write_queue_size((uv_stream_t *)&channel->pipe) >
            CHANNEL_WAITING_BYTES_MAX) {
        be_broken(channel, "its other end does not read");
        return;
    }
    text_add(&channel->out, (const char *)&head, sizeof(head));
    text_add(&channel->out, message->bytes, message->length);
    if (channel->out.overflow)
        be_broken(channel, "its other end does not read");
    if (haste == CHANNEL_NOW)
        (void)uv_prepare_start(&channel->flush, turn_ends);
    else if (!uv_is_active((uv_handle_t *)&channel->soon))
        mailbox_start_timer(&channel->soon, tick_comes, clock_monotonic_ns() + 1,
                            false);
}

void
channel_tell(struct channel *channel, unsigned int kind, struct text *message,
             enum channel_haste haste)
{
    if (channel)
        tell(channel, kind, message, haste);
    text_free(message);
}

/* --- the channel --- */

struct channel *
channel_open(uv_loop_t *loop, int fd, size_t bytes_max,
             const struct channel_listener *listener)
{
    struct channel *channel = memory_new(1, sizeof(*channel));

    channel->listener = *listener;
    channel->bytes_max = bytes_max;
    channel->in = TEXT_INIT(bytes_max + sizeof(struct head) + READ_BYTES);
    channel->out = TEXT_INIT(CHANNEL_WAITING_BYTES_MAX);
    (void)uv_pipe_init(loop, &channel->pipe, 0);
    (void)uv_prepare_init(loop, &channel->flush);
    (void)uv_timer_init(loop, &channel->soon);
    (void)uv_timer_init(loop, &channel->report);
    channel->pipe.data = channel->flush.data = channel;
    channel->soon.data = channel->report.data = channel;
    channel->open_handles = 4;
    if (uv_pipe_open(&channel->pipe, fd) < 0 ||
        uv_read_start((uv_stream_t *)&channel->pipe, lend, readable) < 0)
        be_broken(channel, "its socket cannot be used");
    return channel;
}

static void
closed(uv_handle_t *handle)
{
    struct channel *channel = handle->data;

    if (--channel->open_handles > 0)
        return;
    text_free(&channel->in);
    text_free(&channel->out);
    free(channel);
}

void
channel_close(struct channel *channel)
{
    channel->is_closed = true;
    uv_close((uv_handle_t *)&channel->pipe, closed);
    uv_close((uv_handle_t *)&channel->flush, closed);
    uv_close((uv_handle_t *)&channel->soon, closed);
    uv_close((uv_handle_t *)&channel->report, closed);
}
