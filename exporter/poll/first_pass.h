/* Whether the first pass over the guests of a source is through. */
#ifndef POLL_FIRST_PASS_H
#define POLL_FIRST_PASS_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct watch;

/* Whether the pass still waits for this one. */
bool first_pass_awaits(const struct guest *guest, int64_t now_ns);
/* Whether the source was there or found away, and every guest that can be asked was
 * asked for everything once, or found not to answer; or whether too long nothing was
 * heard that would bring this nearer.  now_ns: CLOCK_MONOTONIC. */
bool watch_has_passed(const struct watch *watch, int64_t now_ns);
bool watch_all_answered(const struct watch *watch);
/* Why addresses of guests may be missing: one clause, static; NULL: all are there. */
const char *watch_why_incomplete(struct watch *watch);

#endif
