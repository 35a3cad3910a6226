/* What an agent's socket may send, between what the exporter does.  Some bytes of the
 * input are not the agent's but say what happens: 0x00 a sync is sent, 0x01 a command
 * is sent (if the state allows it), 0x02 its time is over, 0x03 a read ends here, 0x04
 * a plain sync is sent.
 *
 * The stream is fed twice, read by read and byte by byte: both must tell the same.  And
 * nobody is in step who did not answer the last sync. */
#include "agent/framing.h"
#include "fuzz.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#define REPLY_BYTES_MAX ((size_t)4096) /* the least that the config allows */
#define NOT_OURS_MAX 0x04

struct channel {
    struct framing framing;
    size_t synced, replies, reply_bytes, failed;
};

/* From the last 0xff to the newline: {"return": id}; a plain sync's is a line. */
static void
sync_was_answered(const uint8_t *since, const uint8_t *end, int64_t id)
{
    const uint8_t *delimiter = memrchr(since, 0xff, (size_t)(end - since));
    const uint8_t *newline = memrchr(since, '\n', (size_t)(end - 1 - since));

    REQUIRE(end[-1] == '\n' && (delimiter || id < 0));
    if (id < 0 && (!delimiter || (newline && newline > delimiter)))
        delimiter = newline ? newline : since - 1;
    char line[REPLY_BYTES_MAX + 1];
    size_t length = 0;
    for (const uint8_t *at = delimiter + 1; at < end; at++) {
        REQUIRE(length < sizeof(line));
        if (*at > NOT_OURS_MAX)
            line[length++] = (char)*at;
    }
    json_t *answer = json_loadb(line, length, 0, NULL);
    REQUIRE(json_integer_value(json_object_get(answer, "return")) == id);
    json_decref(answer);
}

static void
channel_note(struct channel *channel, enum framing_event event)
{
    const struct framing *framing = &channel->framing;

    REQUIRE(framing->line.length <= REPLY_BYTES_MAX);
    if (event == FRAMING_SYNCED) {
        REQUIRE(framing->state == FRAMING_IDLE);
        channel->synced++;
    } else if (event == FRAMING_REPLY) {
        REQUIRE(framing->state == FRAMING_IDLE && !framing->line.overflow);
        REQUIRE(framing->line.length == 0 ||
                !memchr(framing->line.bytes, '\n', framing->line.length));
        channel->replies++;
        channel->reply_bytes += framing->line.length;
    } else if (event == FRAMING_FAILED) {
        REQUIRE(framing->state == FRAMING_BROKEN && framing->failure.text[0] != '\0');
        channel->failed = 1;
    } else {
        REQUIRE(framing->skipped <= FRAMING_SKIPPED_MAX(REPLY_BYTES_MAX));
    }
}

static void
channel_feed(struct channel *channel, const uint8_t *from, const uint8_t *end,
             const uint8_t *since, size_t piece_max)
{
    while (from < end && channel->framing.state != FRAMING_BROKEN) {
        size_t length = (size_t)(end - from), taken = 0;

        if (length > piece_max)
            length = piece_max;
        enum framing_event event =
            framing_feed(&channel->framing, (const char *)from, length, &taken);
        REQUIRE(taken >= 1 && taken <= length);
        from += taken;
        channel_note(channel, event);
        if (event == FRAMING_SYNCED)
            sync_was_answered(since, from, channel->framing.sync_id);
    }
}

static void
channel_act(struct channel *channel, uint8_t what, int64_t id)
{
    enum framing_state state = channel->framing.state;
    struct text out = TEXT_INIT(256);

    if (state == FRAMING_BROKEN)
        return;
    if (what == 0x00)
        framing_sync(&channel->framing, id, &out);
    else if (what == 0x04)
        framing_sync_plain(&channel->framing, -id, &out);
    else if (what == 0x01 && state == FRAMING_IDLE)
        framing_command(&channel->framing,
                        &(struct request){.command = "guest-get-time"}, &out);
    else if (what == 0x02 && (state == FRAMING_AWAITING || state == FRAMING_SYNCING))
        framing_give_up(&channel->framing);
    REQUIRE(!out.overflow);
    REQUIRE(out.length == 0 || out.bytes[out.length - 1] == '\n');
    text_free(&out);
}

static bool
channels_agree(const struct channel *a, const struct channel *b)
{
    return a->framing.state == b->framing.state && a->synced == b->synced &&
           a->replies == b->replies && a->reply_bytes == b->reply_bytes &&
           a->failed == b->failed;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel reads = {.synced = 0}, bytes = {.synced = 0};

    framing_init(&reads.framing, REPLY_BYTES_MAX);
    framing_init(&bytes.framing, REPLY_BYTES_MAX);
    const uint8_t *end = data + size, *since = data;
    int64_t id = 0; /* so that the fuzzer can guess: 1, 2, 3 ... */
    for (const uint8_t *at = data; at < end;) {
        const uint8_t *stop = at;

        while (stop != end && stop[0] > NOT_OURS_MAX)
            stop++;
        channel_feed(&reads, at, stop, since, SIZE_MAX);
        channel_feed(&bytes, at, stop, since, 1);
        REQUIRE(channels_agree(&reads, &bytes));
        if (stop == end)
            break;
        if (*stop == 0x00 || *stop == 0x04) {
            id++;
            since = stop + 1;
        }
        channel_act(&reads, *stop, id);
        channel_act(&bytes, *stop, id);
        at = stop + 1;
    }
    framing_free(&reads.framing);
    framing_free(&bytes.framing);
    return 0;
}
