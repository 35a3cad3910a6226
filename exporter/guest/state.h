/* The one word that sums a guest up, and why it is so.  Pure.
 *
 * Logs, series, service discovery and the doctor read it here; none decides it. */
#ifndef GUEST_STATE_H
#define GUEST_STATE_H

#include "guest/guest.h"

#include <stdint.h>

/* Why a guest is in its state; what helps depends on it. */
enum guest_reason {
    REASON_ANSWERS,
    REASON_STARTING, /* it has just started, and its agent may take a while */
    REASON_NO_ANSWER,
    REASON_HELD, /* another program has the agent's socket */
    REASON_NOT_CONNECTED,
    REASON_NO_CHANNEL,
    REASON_UNUSABLE_CHANNEL,
    REASON_FROZEN,
    REASON_BUSY,        /* another client's call holds the agent */
    REASON_INTERRUPTED, /* ... or it is said to be frozen, for too long */
    REASON_PAUSED,
    REASON_SHUTTING_DOWN,
    REASON_MIGRATING,
    REASON_DENIED,
    REASON_MALFORMED,
    REASON_SOURCE_AWAY,
    REASON_OPTED_OUT,
    REASON_NO_DEFINITION, /* libvirt has not told its definition: its QEMU hangs */
    REASON_UNREADABLE,    /* libvirt does not let its definition be read */
    REASON_UNAVAILABLE,   /* the call did not get through */
    REASON_NOT_ASKED,     /* not yet */
    REASONS,
};

/* What the label `state` says, by enum agent_state; NULL-terminated. */
extern const char *const agent_state_names[AGENT_STATES + 1];

enum agent_state guest_reason_state(enum guest_reason reason);

/* now_ns: CLOCK_MONOTONIC; starting_ns: the grace after a start. */
enum guest_reason guest_reason(const struct guest *guest, int64_t now_ns,
                               int64_t starting_ns);
enum agent_state guest_state(const struct guest *guest, int64_t now_ns,
                             int64_t starting_ns);

#endif
