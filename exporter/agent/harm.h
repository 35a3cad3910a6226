/* Combinations of operating system, agent version and command that are known to do harm
 * in the guest when they are asked again and again.  Pure. */
#ifndef AGENT_HARM_H
#define AGENT_HARM_H

#include <stddef.h>

struct harm_rule {
    const char *os;           /* as in os-release's ID; NULL: any */
    const char *agent_before; /* versions below this one; NULL: any */
    const char *command;      /* the QGA command */
    const char *reason;       /* one sentence, with where it was reported */
};

/* The list that is shipped. */
extern const struct harm_rule harm_known[];
extern const size_t harm_known_count;

/* The first rule that fits, or NULL.  `os` and `agent_version` may be "": not known,
 * then only rules that do not ask for it fit. */
const struct harm_rule *harm_find(const struct harm_rule *rules, size_t count,
                                  const char *os, const char *agent_version,
                                  const char *command);

#endif
