/* A guest and its agent's state: what the source says of it, what its calls brought.
 * Owned by the poller; its thread alone. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "agent/conversation.h"
#include "collector.h"
#include "guest/events.h"
#include "guest/freeze.h"
#include "guest/interruption.h"
#include "guest/novelty.h"
#include "guest/schedule.h"
#include "source/balloon.h"
#include "source/domain_facts.h"
#include "source/source.h"
#include "store/discovery.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#define GUEST_WORD_BYTES 32

struct store_guest;

/* What the label `state` of qga_agent_state says. */
enum agent_state {
    AGENT_RESPONSIVE,
    AGENT_STARTING, /* the guest has just started; no answer yet, and none expected */
    AGENT_UNRESPONSIVE, /* somebody has the channel open and does not answer */
    AGENT_DISCONNECTED, /* nobody in the guest has the channel open */
    AGENT_UNCONFIGURED, /* the domain has no agent channel */
    AGENT_FROZEN,    /* the guest's filesystems are frozen; only some commands work */
    AGENT_BUSY,      /* another client's call holds the agent, or so it seems */
    AGENT_PAUSED,    /* the domain does not run, so its agent cannot */
    AGENT_MIGRATING, /* the domain is on its way to another host, or comes from one */
    AGENT_DENIED,    /* the host's daemon does not let us ask */
    AGENT_MALFORMED, /* what it answers is not to be understood */
    AGENT_UNKNOWN,   /* not asked (yet), or the source is away */
    AGENT_STATES,
};

/* What has changed of a guest, to be published. */
enum {
    GUEST_COUNTS = 1 << 0, /* its health, in numbers that only count on: it may wait */
    GUEST_HEALTH = 1 << 1,
    GUEST_RECORD = 1 << 2, /* for service discovery */
    GUEST_DEFINITION = 1 << 3,
    GUEST_NOTES = 1 << 4,  /* what people are told of it; the others change it, too */
    GUEST_EVENTS = 1 << 5, /* what happened to it, and why it stands still */
    GUEST_ALL = GUEST_HEALTH | GUEST_RECORD | GUEST_DEFINITION | GUEST_EVENTS,
};

#define GUEST_QUARANTINE_NS (INT64_C(24) * 60 * 60 * 1000 * 1000 * 1000)

/* What is known of one collector in this guest. */
struct guest_collector {
    bool asked;                 /* at least once since the agent connected */
    bool success;               /* the last time */
    enum failure_kind failure;  /* the last time */
    char *words;                /* why, or what of its reply was left out; NULL: none */
    enum command_status status; /* of its command, by guest-info or by trying */
    bool quarantined;           /* its reply broke the channel ... */
    int64_t quarantined_ns;     /* ... then, CLOCK_MONOTONIC */
    bool unsettled;             /* it may have left something open in this agent */
    bool harmful;               /* known to do harm in such a guest (agent/harm.h) */
    struct conversation conversation; /* where one call is not enough */
    int64_t duration_ns;
    int64_t last_success_ns; /* CLOCK_REALTIME; 0: never */
    size_t series, dropped;
    bool wants_more;            /* there was no room for all of its series */
    struct novelty_known known; /* the series of its last reply */
    uint64_t
        reply_hash; /* of what the published series were made of; 0: read it again */
    void *memory;   /* collector->memory_bytes, zeroed for a new agent; of one that has
                       conversations, from the first on, since it may be large */
};

struct guest {
    /* What it is. */
    char *key, *uuid;
    char *name;        /* the label `domain` */
    char *listed_name; /* as its source calls it */
    char *source_name; /* the label `source` */
    char *identity;    /* both labels, as they stand in its series */

    /* What its source says of it. */
    struct domain_facts *definition; /* a reference, or NULL */
    struct balloon balloon;          /* of this incarnation */
    int64_t incarnation;
    enum domain_state domain;
    enum pause_reason pause; /* DOMAIN_PAUSED */
    enum channel_state channel;
    bool opted_out;
    struct socket_file socket; /* of its agent, where that is asked by one */
    /* Why its definition may not be read, with CHANNEL_UNKNOWN; "": it has not come. */
    char definition_error[FAILURE_TEXT_BYTES];
    bool source_is_up;
    bool seen;                      /* since the source was last up */
    char os_hint[GUEST_WORD_BYTES]; /* software.os_id, as the host was told; or "" */
    int64_t started_ns; /* CLOCK_MONOTONIC of the start that we saw; 0: none */

    /* What its agent says. */
    bool answered;                  /* this incarnation of the agent, at least once */
    struct guest_software software; /* kept when it goes */
    struct freeze freeze;
    int64_t frozen_since_ns; /* CLOCK_REALTIME; while it is frozen */
    struct failure
        last_failure; /* of the last call; FAILURE_NONE: it was answered well */
    bool qemu_hangs;  /* ... which found that the host waits for QEMU, too */
    size_t
        last_collector; /* of the last call that left the channel whole; or SIZE_MAX */
    struct discovery_address *addresses; /* kept until the guest restarts */
    size_t addresses_count;
    struct guest_collector collectors[COLLECTORS_MAX];

    /* Since the exporter saw the guest first. */
    uint64_t calls_total;
    uint64_t failures_total[FAILURE_KINDS];
    int64_t last_response_ns; /* CLOCK_REALTIME; 0: never */
    struct events events;
    int64_t panicked_ns; /* CLOCK_MONOTONIC of the last time; 0: never */
    struct interruption interruption;
    struct novelty novelty;

    /* How it is asked. */
    struct schedule_guest schedule;
    int64_t call_deadline_ns; /* CLOCK_MONOTONIC; of the call in flight */
    bool first_visit_done;
    int64_t first_asked_ns; /* CLOCK_MONOTONIC; 0: not yet */
    bool gone;              /* to be freed when its call comes back */

    /* How it is shown. */
    struct store_guest *place;
    enum agent_state last_state; /* as last logged and published */
    unsigned int unpublished;    /* GUEST_COUNTS, GUEST_EVENTS, or 0 */
    int64_t log_spent_ns; /* its transitions in the log, as time that pays for them */
    int64_t events_log_spent_ns; /* likewise what its host tells */

    UT_hash_handle hh;          /* by key */
    UT_hash_handle by_identity; /* unique among the guests of a source */
    UT_hash_handle by_socket;   /* where it has one */
};

struct guest *guest_new(const struct guest_facts *facts, const char *source_name);
void guest_free(struct guest *guest);

/* Its UUID, where that comes to be known late; "": it is not (any more).  Returns what
 * has changed (GUEST_...). */
unsigned int guest_identify(struct guest *guest, const char *uuid);
/* What its source has found its definition to be; NULL: it could not tell.  Returns
 * what has changed (GUEST_...). */
unsigned int guest_define(struct guest *guest, struct domain_facts *definition);
/* Where it can be found, by its own word.  Copies; none withdraws those that were
 * known.  Returns what has changed. */
unsigned int guest_locate(struct guest *guest,
                          const struct discovery_address *addresses, size_t count);

/* By os-release's ID, as the agent or else the host says; "": not known. */
const char *guest_os_id(const struct guest *guest);

/* Whether somebody who says `word` means this guest: by its label, its UUID, its number
 * or path (the source's key), or its title, which is its name where that is no label.
 */
bool guest_facts_are_called(const struct guest_facts *facts, const char *word);
bool guest_is_called(const struct guest *guest, const char *word);

/* Whether the source says that there is somebody to ask. */
bool guest_is_askable(const struct guest *guest);

/* What the collector's conversation wants to ask now; begins one if none is open. */
const struct request *guest_converse(struct guest *guest, size_t index);

/* What its last call was answered, where that was not well; "": it was. */
void guest_note_words(struct guest_collector *collector, const char *words);

/* The agent can be asked (again): what it had, and what was remembered of it, no longer
 * counts.  `is_new`: it has opened its channel again, or the guest has restarted; else
 * it may well be the one of before, and what that was left with still counts.  What
 * broke the channel of one is asked another only after GUEST_QUARANTINE_NS: who mends
 * the channel by a restart of the agent does not find it broken again at once. */
void guest_forget_agent(struct guest *guest, bool is_new, int64_t now_ns);

#endif
