/* Every command that can be sent to an agent: those of the registry, and no other. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "collector.h"

#include <stddef.h>

#define COMMANDS_MAX (COLLECTORS_MAX * (1 + COLLECTOR_MORE_COMMANDS_MAX))

/* NULL-terminated, each once; static. */
const char *const *commands_list(void);

/* The place in the list.  A command that is not in it is a bug and ends the process:
 * nothing else may ever reach a guest. */
size_t commands_row(const char *command);

#endif
