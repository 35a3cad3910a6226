/* What is wrong with one guest, by the three steps of the diagnosis. */
#ifndef DOCTOR_EXAMINE_H
#define DOCTOR_EXAMINE_H

#include "doctor/diagnosis.h"
#include "guest/state.h"

struct config;
struct source_config;

/* Marks the row's steps and adds what is found; the row names the guest and its
 * operating system already. */
void doctor_examine(struct doctor_row *row, const struct config *config,
                    const struct source_config *source, const struct guest *guest,
                    enum guest_reason reason);

#endif
