/* For a collector that needs several calls: which request is sent next, and when the
 * sequence ends.  No clock, no input or output. */
#ifndef AGENT_CONVERSATION_H
#define AGENT_CONVERSATION_H

#include "collector.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Of one collector in one guest. */
struct conversation {
    bool open;         /* `request` is to be sent, or its answer is awaited */
    bool awaited;      /* ... the latter */
    bool broken;       /* a reply was lost on the way: it only tidies up */
    bool of_old_agent; /* what it has left open in the guest is gone with that agent */
    struct request request;
    int64_t duration_ns; /* of its calls so far */
};

enum conversation_turn {
    CONVERSATION_GOES_ON,
    CONVERSATION_COMPLETE,  /* parse() has what it needs */
    CONVERSATION_BROKEN,    /* nothing comes of it */
    CONVERSATION_UNSETTLED, /* ... and it must not begin again before the agent does */
};

/* What to send now; begins a conversation if none is open. */
const struct request *conversation_request(const struct collector *collector,
                                           struct conversation *conversation,
                                           void *memory);

/* The guest could not be asked for a while.  What is open is tidied up, and an answer
 * that is still on its way is waited for: it may be the same agent after all, though
 * `is_new_agent` says that it has connected again.  Whether it is over. */
bool conversation_interrupt(const struct collector *collector,
                            struct conversation *conversation, void *memory,
                            bool is_new_agent);

/* What becomes of it after the call ended with `kind`; `answer` is the reply's value,
 * or NULL.  `finishing`: what is open is tidied up, nothing new is begun. */
enum conversation_turn conversation_answer(const struct collector *collector,
                                           struct conversation *conversation,
                                           void *memory, enum failure_kind kind,
                                           const json_t *answer, bool finishing);

#endif
