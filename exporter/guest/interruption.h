/* A guest that is only interrupted, by a backup or by another client of its agent, has
 * not failed.  For how long that is believed.  Pure. */
#ifndef GUEST_INTERRUPTION_H
#define GUEST_INTERRUPTION_H

#include "guest/freeze.h"
#include "kit/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* An agent that is held, or frozen without a word of its own that it is, for longer has
 * failed. */
#define INTERRUPTION_MAX_NS (INT64_C(15) * 60 * 1000 * 1000 * 1000)
/* One that says that it is thawed, and refuses all commands as frozen, for longer is
 * not to be understood. */
#define CONTRADICTION_MAX_NS (INT64_C(60) * 1000 * 1000 * 1000)

/* The guest's; no event of it resets this, only an answer. */
struct interruption {
    int64_t since_ns; /* CLOCK_MONOTONIC; 0: none */
};

/* A call has ended so.  `of_freeze`: it has asked whether the guest is frozen, which
 * ends no interruption. */
void interruption_take(struct interruption *interruption, enum failure_kind kind,
                       bool of_freeze, int64_t now_ns);
bool interruption_is_too_long(const struct interruption *interruption, int64_t now_ns);
bool interruption_contradicts(const struct interruption *interruption,
                              const struct freeze *freeze, int64_t now_ns);

#endif
