/* The process that may ask guests: it has the sources, and nothing that parses what a
 * guest says or what a definition holds.  It sends queries of the registry and no other
 * (agent/commands.h), by number; one at a time to a guest, with a gap between two, and
 * not without end.  What it is told comes from a process that may have been taken over,
 * and is believed in nothing but that.  Loop thread. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

struct bytes;

struct broker;
struct broker_parts;

struct broker *broker_new(const struct broker_parts *parts);
/* Which sources may be started from now on: how many, and each by message_put_source(),
 * from who read the configuration and no guest's word.  Others that run already go on
 * for as long as somebody wants them. */
void broker_allow(struct broker *broker, struct bytes *sources);
/* Whom to serve from now on; the socket is the broker's.  Sources that run are kept for
 * who asks for the same. */
void broker_serve(struct broker *broker, int fd);
/* Leaves all sources; waits for calls in flight until the deadline (CLOCK_MONOTONIC).
 * Whether all came back; the loop must run once more. */
bool broker_stop(struct broker *broker, int64_t deadline_ns);

#endif
