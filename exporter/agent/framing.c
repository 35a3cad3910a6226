/* Lines, and the search for the right one. */
#include "agent/framing.h"

#include "agent/commands.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DELIMITER '\xff'

/* More than the answer to a sync ever is. */
#define SYNC_LINE_MAX 4096

void
framing_init(struct framing *framing, size_t reply_bytes_max)
{
    *framing = (struct framing){
        .state = FRAMING_OUT_OF_STEP,
        .line = TEXT_INIT(reply_bytes_max),
    };
}

void
framing_free(struct framing *framing)
{
    text_free(&framing->line);
}

static void
start_over(struct framing *framing, enum framing_state state)
{
    /* Not only cleared: what a thousand endless replies took would be kept for good. */
    text_free(&framing->line);
    framing->state = state;
    framing->candidate = false;
}

/* The 0xFF makes the agent's parser forget half a command of whoever was here before.
 */
static void
sync_by(struct framing *framing, const char *command, int64_t id, struct text *out)
{
    start_over(framing, FRAMING_SYNCING);
    framing->sync_id = id;
    text_add_format(out,
                    "\xff{\"execute\":\"%s\",\"arguments\":{\"id\":%" PRId64 "}}\n",
                    command, id);
}

void
framing_sync(struct framing *framing, int64_t id, struct text *out)
{
    sync_by(framing, "guest-sync-delimited", id, out);
    framing->plain = false;
}

void
framing_sync_plain(struct framing *framing, int64_t id, struct text *out)
{
    sync_by(framing, "guest-sync", id, out);
    framing->plain = framing->candidate = true;
}

void
framing_command(struct framing *framing, const struct request *request,
                struct text *out)
{
    start_over(framing, FRAMING_AWAITING);
    framing->skipped = 0;
    commands_write(request, out);
    text_add_string(out, "\n");
}

void
framing_give_up(struct framing *framing)
{
    start_over(framing, FRAMING_OUT_OF_STEP);
}

static enum framing_event
broken(struct framing *framing, enum failure_kind kind, const char *text)
{
    start_over(framing, FRAMING_BROKEN);
    failure_set(&framing->failure, kind, "%s", text);
    return FRAMING_FAILED;
}

static enum framing_event
skip(struct framing *framing, size_t length)
{
    framing->skipped += length;
    if (framing->skipped > FRAMING_SKIPPED_MAX(framing->line.max))
        return broken(framing, FAILURE_MALFORMED,
                      "the agent sends bytes without end that answer nothing");
    return FRAMING_NOTHING;
}

static const char *
skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r");
}

/* Behind the word, or NULL. */
static const char *
take_word(const char *at, const char *word)
{
    at = at ? skip_blanks(at) : NULL;
    return at && strncmp(at, word, strlen(word)) == 0 ? at + strlen(word) : NULL;
}

/* {"return": ID}, as every agent writes it: what may be anybody's is not parsed here,
 * as this may be the process that can ask every guest. */
static bool
is_answer_to_sync(const struct framing *framing)
{
    char id[32];
    const char *at = framing->line.length > 0 ? framing->line.bytes : NULL;

    (void)snprintf(id, sizeof(id), "%" PRId64, framing->sync_id);
    at = take_word(take_word(take_word(take_word(at, "{"), "\"return\""), ":"), id);
    at = take_word(at, "}");
    return at && skip_blanks(at) == framing->line.bytes + framing->line.length;
}

/* Up to the 0xFF everything is old; from there to the newline it may be the answer.
 * Without a 0xFF any line may. */
static enum framing_event
feed_syncing(struct framing *framing, const char *bytes, size_t length, size_t *taken)
{
    for (*taken = 0; *taken < length;) {
        char byte = bytes[(*taken)++];

        if (skip(framing, 1) != FRAMING_NOTHING)
            return FRAMING_FAILED;
        if (byte == DELIMITER) {
            text_clear(&framing->line);
            framing->candidate = true;
        } else if (framing->candidate && byte != '\n') {
            text_add(&framing->line, &byte, 1);
            if (framing->line.length > SYNC_LINE_MAX)
                framing->candidate = false; /* no answer to a sync is that long */
        } else if (framing->candidate && is_answer_to_sync(framing)) {
            start_over(framing, FRAMING_IDLE);
            framing->skipped = 0;
            return FRAMING_SYNCED;
        } else if (byte == '\n') {
            text_clear(&framing->line); /* old, or the answer to an older sync */
            framing->candidate = framing->plain;
        }
    }
    return FRAMING_NOTHING;
}

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Every reply is an object.  A line that is none was no answer to the command, so the
 * real one may follow, and would answer the next. */
static bool
is_object(const struct text *line)
{
    size_t start = 0, end = line->length;

    while (start < end && is_blank(line->bytes[start]))
        start++;
    while (end > start && is_blank(line->bytes[end - 1]))
        end--;
    return end - start >= 2 && line->bytes[start] == '{' && line->bytes[end - 1] == '}';
}

static enum framing_event
feed_awaiting(struct framing *framing, const char *bytes, size_t length, size_t *taken)
{
    const char *newline = memchr(bytes, '\n', length);
    size_t piece = newline ? (size_t)(newline - bytes) : length;

    text_add(&framing->line, bytes, piece);
    *taken = newline ? piece + 1 : piece;
    if (framing->line.overflow)
        return broken(framing, FAILURE_TOO_LARGE,
                      "the reply is over the limit (limits.reply_bytes)");
    if (!newline)
        return FRAMING_NOTHING;
    if (!is_object(&framing->line))
        return broken(framing, FAILURE_MALFORMED,
                      "the agent sent a line that is no reply");
    framing->state = FRAMING_IDLE;
    return FRAMING_REPLY;
}

enum framing_event
framing_feed(struct framing *framing, const char *bytes, size_t length, size_t *taken)
{
    *taken = length;
    if (length == 0)
        return FRAMING_NOTHING;
    switch (framing->state) {
    case FRAMING_SYNCING:
        return feed_syncing(framing, bytes, length, taken);
    case FRAMING_AWAITING:
        return feed_awaiting(framing, bytes, length, taken);
    case FRAMING_OUT_OF_STEP:
        return skip(framing, length);
    case FRAMING_IDLE:
        /* An agent that is not asked says nothing. */
        return broken(framing, FAILURE_MALFORMED,
                      "the agent sent bytes that nobody asked for");
    case FRAMING_BROKEN:
        break;
    }
    return FRAMING_FAILED;
}
