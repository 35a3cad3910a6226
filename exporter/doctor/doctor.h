/* The doctor: what is wrong with each guest's agent and what to do about it, for a
 * person.  It follows the three steps of a diagnosis: has the domain the agent's
 * channel, has a service in the guest opened it, and does it answer.
 *
 * Pure: from what the poller knows after one walk over the guests to rows. */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include "doctor/diagnosis.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct guest;
struct source_config;

/* What is found with one guest; doctor_row_clear() is the caller's.  now_ns:
 * CLOCK_MONOTONIC. */
struct doctor_row doctor_row_of(const struct config *config,
                                const struct source_config *source,
                                const struct guest *guest, int64_t now_ns);

/* `domains`: those asked for, see guest_is_called(), NULL-terminated; NULL or none:
 * all. Both are borrowed.  now_ns: CLOCK_MONOTONIC. */
struct doctor *doctor_new(const struct config *config, const char *const *domains,
                          int64_t now_ns);
void doctor_free(struct doctor *doctor); /* NULL is fine */

/* Adds a source to a struct doctor, or a guest of one that was added, as whoever visits
 * all of them calls it.  `why`: why the source is not connected; "" if that is not
 * known. */
void doctor_add_source(void *doctor, const struct source_config *source, bool is_up,
                       const char *why);
void doctor_add_guest(void *doctor, const struct source_config *source,
                      const struct guest *guest);
/* After all of them: adds a row for each of `domains` that no guest is called, and
 * sorts the rows. */
void doctor_conclude(struct doctor *doctor);

bool doctor_all_sources_are_up(const struct doctor *doctor);
/* All sources are connected, and no guest has a fault.  A paused, starting or opted-out
 * guest has none. */
bool doctor_is_well(const struct doctor *doctor);

#endif
