/* The bytes of an agent's reply to the value of "return", or a named failure.  Pure,
 * fuzzed; no I/O, no clock, no globals. */
#ifndef AGENT_REPLY_H
#define AGENT_REPLY_H

#include "kit/failure.h"

#include <jansson.h>
#include <stddef.h>

/* Nesting deeper than this is refused before the JSON parser, which recurses, sees it.
 */
#define REPLY_DEPTH_MAX 32

/* `bytes_max` limits the reply.  Returns a new reference to the value of "return", or
 * NULL with `why` filled (too_large, malformed, unsupported, disabled, frozen,
 * agent_error). Integers above INT64_MAX are read as reals instead of failing the
 * reply; see mend.h for what else is odd and costs itself alone. */
json_t *reply_parse(const char *bytes, size_t length, size_t bytes_max,
                    struct failure *why);

/* What an agent's error means, by its class ("" where the transport loses it) and text;
 * the texts are those of QEMU 1.5 to 10 and of libvirt (see the table in
 * agent/reply.c). */
void reply_error(const char *error_class, const char *description, struct failure *why);

#endif
