/* The commands that may be sent to an agent: those of the registry, and no other.  Both
 * sources (libvirt, sockets) write each request by commands_write(), which ends the
 * process at any other command. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "base/text.h"
#include "collector.h"

#include <stddef.h>

#define COMMANDS_MAX (COLLECTORS_MAX * (1 + COLLECTOR_MORE_COMMANDS_MAX))

/* NULL-terminated, each once; static. */
const char *const *commands_list(void);

/* A command that is not in the registry is a bug, and ends the process before anything
 * is sent.
 *
 * Its place in the list. */
size_t commands_row(const char *command);
/* The request as the agent reads it.  Any thread. */
void commands_write(const struct request *request, struct text *out);

#endif
