/* A guest and its agent's state: what the source says of it, what its calls brought.
 * Owned by the poller; its thread alone. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "agent/conversation.h"
#include "collector.h"
#include "guest/schedule.h"
#include "source/domain_facts.h"
#include "source/source.h"
#include "store/discovery.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#define GUEST_WORD_BYTES 32

struct store_guest;
struct watch;

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
    AGENT_UNKNOWN,   /* not asked yet, opted out, or the source is away */
    AGENT_STATES,
};

const char *agent_state_name(enum agent_state state);

/* What is known of one collector in this guest. */
struct guest_collector {
    bool asked;                /* at least once since the agent came */
    bool success;              /* the last time */
    enum failure_kind failure; /* the last time */
    bool quarantined;          /* its reply broke the channel */
    unsigned int refusals;     /* in a row */
    int64_t refused_ns; /* CLOCK_MONOTONIC; since it last worked, when it was first
                           called disabled; 0: it was not */
    bool unsettled; /* it may have left something open in the guest; until agent_anew */
    struct conversation conversation; /* where one call is not enough */
    bool harmful;               /* known to do harm in such a guest (agent/harm.h) */
    enum command_status status; /* of its command, by guest-info or by trying */
    int64_t duration_ns;
    int64_t last_success_ns; /* CLOCK_REALTIME; 0: never */
    size_t series, dropped;
    uint64_t
        reply_hash; /* of what the published series were made of; 0: read it again */
    void *memory;   /* collector->memory_bytes, zeroed when the agent starts anew */
};

struct guest {
    struct watch *source;
    char *key, *uuid;
    char *name;                      /* the label `domain` */
    char *told_name;                 /* as its source calls it */
    char *source_name;               /* the label `source`; "" if there is none */
    struct domain_facts *definition; /* a reference, or NULL */
    bool definition_stale;           /* it is not published as it is */
    int64_t incarnation;
    enum domain_state domain;
    enum channel_state channel;
    bool opted_out;
    bool source_is_up;
    bool seen;            /* since the source came up the last time */
    int64_t log_spent_ns; /* its transitions in the log, as time that pays for them */
    bool health_stale;    /* something happened since it was published */
    bool gone;            /* to be freed when its call comes back */

    int64_t started_ns;       /* CLOCK_MONOTONIC of the start that we saw; 0: none */
    int64_t call_deadline_ns; /* CLOCK_MONOTONIC; of the call in flight */
    bool answered;            /* this incarnation of the agent, at least once */
    struct told told;         /* by the agent; kept when it goes */
    bool another; /* what is known of its OS and agent changed, or the list of harm */
    bool frozen;
    int64_t frozen_since_ns; /* CLOCK_MONOTONIC; when it was first seen */
    int64_t frozen_for_ns;   /* as last published */
    int64_t thawed_ns; /* CLOCK_MONOTONIC; when the agent last said so; 0: never */
    bool first_visit_done;
    enum agent_state last_state; /* as last logged and published */

    size_t
        last_collector; /* of the last call that left the channel whole; or SIZE_MAX */

    /* Since the exporter saw the guest first. */
    uint64_t calls_total;
    uint64_t failures_total[FAILURE_KINDS];
    int64_t last_response_ns; /* CLOCK_REALTIME; 0: never */
    struct failure
        last_failure; /* of the last call; FAILURE_NONE: it was answered well */

    char os_hint[GUEST_WORD_BYTES]; /* told.os_id, as the host was told; or "" */

    /* Where it can be found, by its own word; kept until it starts anew. */
    struct discovery_address *addresses;
    size_t addresses_count;
    bool discovery_stale; /* it is not published as it is */

    struct schedule_guest schedule;
    struct store_guest *place;
    char *identity;
    struct guest_collector collectors[COLLECTORS_MAX];
    UT_hash_handle hh;          /* by key */
    UT_hash_handle by_identity; /* unique among the guests of a source */
};

struct guest *guest_new(struct watch *source, const struct guest_facts *facts,
                        const char *source_label);
void guest_free(struct guest *guest);

/* Another definition than before: what joins with it is read again.  NULL changes
 * nothing. */
void guest_define(struct guest *guest, struct domain_facts *definition);
/* Copies; none withdraws those that were known. */
void guest_locate(struct guest *guest, const struct discovery_address *addresses,
                  size_t count);

/* Whether the source says that there is somebody to ask. */
bool guest_is_askable(const struct guest *guest);

/* Whether the agent has said so lately that "disabled" and "frozen" cannot be told
 * apart by a freeze: agents since 9.1 call every command disabled while the filesystems
 * are frozen. */
bool guest_is_surely_thawed(const struct guest *guest, int64_t now_ns);

/* The agent can be asked (again): what it had, and what was remembered of it, no longer
 * counts.  `came`: it has opened its channel anew, or the guest has started anew; else
 * it may well be the one of before, and what that was left with still counts. */
void guest_agent_anew(struct guest *guest, bool came);

/* Pure.  now_ns: CLOCK_MONOTONIC; starting_ns: the grace after a start. */
enum agent_state guest_state(const struct guest *guest, int64_t now_ns,
                             int64_t starting_ns);

#endif
