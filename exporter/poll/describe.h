/* What is said of guests and sources for a person: the doctor's findings, and what each
 * collector does, as notes for the store.  The loop thread alone. */
#ifndef POLL_DESCRIBE_H
#define POLL_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct guest_note;
struct source_config;
struct watch;

/* now_ns: CLOCK_MONOTONIC. */
struct guest_note *describe_guest(const struct watch *watch, const struct guest *guest,
                                  int64_t now_ns);
/* Adds a source to a struct sources_note, as struct watch_visitor shows it. */
void describe_source(void *note, const struct source_config *source, bool is_up,
                     const char *why);

#endif
