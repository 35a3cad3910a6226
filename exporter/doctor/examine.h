/* What is wrong with one guest, and what to do about it. */
#ifndef DOCTOR_EXAMINE_H
#define DOCTOR_EXAMINE_H

#include "doctor/diagnosis.h"
#include "guest/guest.h"

struct config;
struct guest_os;
struct source_config;

/* A guest being looked at, and what its findings say more than once. */
struct doctor_patient {
    const struct config *config;
    const struct source_config *source;
    const struct guest *guest;
    struct doctor_row *row;
    const struct guest_os *os;
    char *in_guest; /* "in the guest (Debian, Ubuntu): " */
    char *virsh;    /* "virsh -c URI" */
    char *name;     /* the domain, for a shell */
    char *error;    /* of the last call, escaped */
};

/* Looks at the guest: marks the row's steps and adds what is found. */
void doctor_examine(const struct doctor_patient *patient, enum agent_state state);
/* For one who may not: what to give him.  free() is the caller's. */
char *doctor_permission_remedy(const char *error);

#endif
