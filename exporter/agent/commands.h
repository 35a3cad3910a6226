/* The commands that may be sent to an agent: those of the registry, and no other.  Both
 * sources (libvirt, sockets) write each request by commands_write(), which ends the
 * process at any other command. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "base/text.h"
#include "collector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMANDS_MAX 64 /* checked by a test */

/* NULL-terminated, each once; static. */
const char *const *commands_list(void);

/* A command that is not in the registry is a bug, and ends the process before anything
 * is sent.
 *
 * Its place in the list. */
size_t commands_row(const char *command);
/* The request as the agent reads it.  Any thread. */
void commands_write(const struct request *request, struct text *out);

/* A request by two numbers: which query of the registry, and the one in it.  The
 * numbers of the same program mean the same. */
struct query_call {
    uint32_t query;
    int64_t number;
};
struct query_call commands_number(const struct request *request); /* ends, as above */
/* false: there is no such query. */
bool commands_of_number(const struct query_call *call, struct request *request);

#endif
