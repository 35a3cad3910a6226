/* What is said between the process that may ask guests (broker.h) and the one that
 * reads what they say (remote.h).  Pure.
 *
 * A guest is meant by its source's number and its key there, a call by a number of the
 * asking side.  Both sides are the same program, so that numbers of queries, kinds and
 * structs of plain values mean the same. */
#ifndef BROKER_MESSAGES_H
#define BROKER_MESSAGES_H

#include "agent/commands.h"
#include "broker/bytes.h"
#include "config/sources.h"
#include "source/source.h"

#include <stdint.h>

/* A request is short: keys, and the configuration of a source. */
#define ASK_BYTES_MAX ((size_t)64 * 1024)
/* An answer has a reply, of which the configuration says how long it may be, and
 * definitions are of 8 MiB at most. */
#define TELL_BYTES_MAX ((size_t)80 * 1024 * 1024)

/* To the broker. */
enum ask {
    ASK_START,     /* the source's number, its configuration */
    ASK_STOP,      /* the source's number */
    ASK_CALL,      /* the guest's key, struct asked_call */
    ASK_END_VISIT, /* the source's number, the guest's key */
    ASK_LOG,       /* the level, the format */
};

/* From it; all that is about a source begins with the source's number. */
enum tell {
    TELL_SEEN, /* message_put_facts() */
    TELL_GONE, /* the key */
    TELL_UP,
    TELL_DOWN,    /* why, or no string */
    TELL_EVENT,   /* the key, struct guest_event */
    TELL_BALLOON, /* the key, struct balloon */
    TELL_BALLOONS,
    TELL_STATUS, /* struct source_capacity, struct source_figures */
    TELL_ANSWER, /* the call's number, message_put_answer() */
    TELL_STAGE,  /* the call's number, enum call_stage */
    TELL_ALIVE,  /* nothing more; once a second */
};

/* Integers alone, so that whatever comes is read. */
struct asked_call {
    int64_t source;
    int64_t number;
    struct query_call query;
    int64_t timeout_ns;
    size_t reply_bytes_max;
};

void message_put_source(struct text *out, const struct source_config *config);
/* All is owned by who reads (source_config_clear()), also if it is bad. */
void message_source(struct bytes *bytes, struct source_config *config);

/* `is_news`: with what has just happened to it. */
void message_put_facts(struct text *out, const struct guest_facts *facts, bool is_news);
/* Strings are borrowed from the bytes; of the definition a reference is the reader's.
 */
void message_facts(struct bytes *bytes, struct guest_facts *facts);

void message_put_answer(struct text *out, const struct answer *answer);
/* The reply is the reader's, as in struct answer. */
void message_answer(struct bytes *bytes, struct answer *answer);

#endif
