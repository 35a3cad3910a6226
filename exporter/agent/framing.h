/* The agent's wire protocol on a stream of bytes: who is in step, and where a reply
 * ends. A pure state machine: bytes in, events out; no socket, no clock, no globals.
 *
 * An agent answers one command at a time with one line of JSON, and has no way to
 * cancel. After a connect, or a command that got no answer in time, nobody knows which
 * reply comes next.  So 0xFF and guest-sync-delimited with a random id are sent, and
 * everything is thrown away up to the 0xFF that precedes the answer with that id (QEMU,
 * qga/qapi-schema.json, guest-sync-delimited, since 1.1). */
#ifndef AGENT_FRAMING_H
#define AGENT_FRAMING_H

#include "base/text.h"
#include "collector.h"
#include "kit/failure.h"

#include <stddef.h>
#include <stdint.h>

enum framing_state {
    FRAMING_OUT_OF_STEP, /* a sync has to be sent */
    FRAMING_SYNCING,     /* a sync was sent; its answer is awaited */
    FRAMING_IDLE,        /* in step; a command may be sent */
    FRAMING_AWAITING,    /* a command was sent; its reply is awaited */
    FRAMING_BROKEN,      /* the peer breaks the protocol: close the connection */
};

enum framing_event {
    FRAMING_NOTHING, /* more bytes are needed */
    FRAMING_SYNCED,  /* in step now */
    FRAMING_REPLY,   /* framing->line holds the reply, by its look an object */
    FRAMING_FAILED,  /* framing->failure says why; the state is FRAMING_BROKEN */
};

struct framing {
    enum framing_state state;
    int64_t sync_id;
    bool plain;     /* the sync's answer has no 0xFF */
    bool candidate; /* while syncing: the line may be the answer */
    size_t skipped; /* bytes thrown away since the last step in sync */
    struct text line;
    struct failure failure;
};

/* What a peer may send that is no answer to us, until the connection is dropped: late
 * replies of a command that timed out fit in, a flood does not. */
#define FRAMING_SKIPPED_MAX(reply_bytes_max) (2 * (reply_bytes_max))

void framing_init(struct framing *framing, size_t reply_bytes_max);
void framing_free(struct framing *framing);

/* Notes that a sync is sent now, and writes its bytes.  id: random, 1 to 2^53. */
void framing_sync(struct framing *framing, int64_t id, struct text *out);
/* Likewise guest-sync, whose answer is a line without 0xFF.  For an agent that others
 * use too: if it comes late, it is theirs to skip, and behind a 0xFF they would take it
 * for the beginning of their own.  id: random, -2^53 to -1: it is no other reply. */
void framing_sync_plain(struct framing *framing, int64_t id, struct text *out);
/* Notes that a command is sent now (only when idle), and writes its bytes. */
void framing_command(struct framing *framing, const struct request *request,
                     struct text *out);
/* The command's reply did not come in time: whatever comes is thrown away from now on.
 */
void framing_give_up(struct framing *framing);

/* Feeds bytes; takes as many as make one event (*taken), so call again with the rest.
 */
enum framing_event framing_feed(struct framing *framing, const char *bytes,
                                size_t length, size_t *taken);

#endif
