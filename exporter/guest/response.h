/* What the end of a call says of the agent, whatever was asked.  Pure. */
#ifndef GUEST_RESPONSE_H
#define GUEST_RESPONSE_H

#include "kit/failure.h"

#include <stdbool.h>

enum response {
    RESPONSE_ANSWERED, /* it is there, and the command works */
    RESPONSE_REFUSED,  /* it is there, the command does not work */
    RESPONSE_FROZEN,   /* it is there, but the guest's filesystems are frozen */
    RESPONSE_GARBLED,  /* it is there, but not to be understood */
    RESPONSE_NONE,     /* it did not answer */
    RESPONSE_OCCUPIED, /* somebody else is at work in the guest, or on the way to it */
};

enum response response_of(enum failure_kind kind);

/* Whether the agent itself has said something. */
bool response_is_agents(enum failure_kind kind);

#endif
