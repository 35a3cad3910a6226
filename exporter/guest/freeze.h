/* Whether a guest's filesystems are frozen (fsfreeze), by what its agent says and by
 * what it refuses.  Pure.
 *
 * While they are, the agent runs guest-fsfreeze-status and hardly anything else.  Older
 * agents say so; since 9.1 they call every other command disabled, in the words that
 * they have for one which the administrator has disabled.  So a refusal is believed
 * only of an agent that was asked for a freeze since, and has denied it. */
#ifndef GUEST_FREEZE_H
#define GUEST_FREEZE_H

#include "collector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All times are CLOCK_MONOTONIC.  Zeroed for a new agent. */
struct freeze {
    bool frozen;       /* by the agent's word */
    bool untold;       /* the question must not be sent (guest/avoid.h) */
    int64_t thawed_ns; /* when the agent last said that it is not; 0: never */
    bool cannot_tell;  /* ... or rather refused to say */
    struct {
        int64_t first_ns;   /* since the command last worked; 0: none */
        unsigned int count; /* in a row */
    } refusals[COLLECTORS_MAX];
};

/* What is to be done about it. */
enum freeze_step {
    FREEZE_NO_STEP,
    FREEZE_ASK,       /* from now on nothing but whether it is frozen */
    FREEZE_ASK_LATER, /* ... and that not at once: it was just asked */
    FREEZE_OVER,      /* everything again */
};

/* Whether the agent may be asked; if not, it is taken for thawed, and what it refuses
 * three times for disabled. */
void freeze_may_be_asked(struct freeze *freeze, bool may_be);
/* The agent says that the filesystems are frozen, or that they are not. */
void freeze_learn(struct freeze *freeze, bool frozen, int64_t now_ns);
/* It has refused to say: what is refused besides is not for a freeze. */
void freeze_learn_nothing(struct freeze *freeze, int64_t now_ns);
/* The collector's command has worked. */
void freeze_worked(struct freeze *freeze, size_t collector);
/* The collector's command was called disabled.  FAILURE_DISABLED, or FAILURE_FROZEN
 * while that may be for a freeze alone. */
enum failure_kind freeze_explain(const struct freeze *freeze, size_t collector,
                                 int64_t now_ns);
/* ... and it was that: another such refusal may be the one that is believed. */
void freeze_note_refusal(struct freeze *freeze, size_t collector, int64_t now_ns);
/* Whether a list of commands is one of a frozen guest: all but a few are disabled. */
bool freeze_lists(const struct collector *lister, const json_t *list);

/* `outcome`: of the last call.  `restricted`: nothing is asked but whether it is
 * frozen.  `agent_said_so`: it has called itself frozen. */
enum freeze_step freeze_step(const struct freeze *freeze, enum failure_kind outcome,
                             bool restricted, bool agent_said_so, int64_t now_ns);

#endif
