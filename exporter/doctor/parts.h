/* What the doctor's diagnosis hands to its reports. */
#ifndef DOCTOR_PARTS_H
#define DOCTOR_PARTS_H

#include "doctor/doctor.h"
#include "guest/guest.h"

#include <stddef.h>

#define DOCTOR_FINDINGS_MAX 8
#define DOCTOR_REMEDIES_MAX 2

enum doctor_step { STEP_CHANNEL, STEP_SERVICE, STEP_ANSWER, STEPS };
enum doctor_mark { MARK_UNTRIED, MARK_PASSED, MARK_FAILED };

struct doctor_finding {
    const char *problem;                 /* one word for scripts; static */
    bool is_fault;                       /* else it is only worth knowing */
    char *text;                          /* one sentence, without control characters */
    char *remedies[DOCTOR_REMEDIES_MAX]; /* one line each; NULL: none (more) */
};

struct doctor_row {
    char *domain, *uuid; /* as they are; "" */
    const char *source;  /* its name, borrowed; "" */
    const char *state;   /* static */
    char *agent_version; /* as the agent said; "" */
    char *os;            /* os-release's ID; "" */
    const char *os_from; /* "agent" or "metadata"; NULL: os is "" */
    enum doctor_mark steps[STEPS];
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
    size_t findings_count;
};

struct guest_os;

struct doctor_source {
    const struct source_config *config; /* borrowed */
    bool is_up;
    char *why, *remedy; /* of one that is away */
};

struct doctor {
    const struct config *config;
    const char *const *domains;
    int64_t now_ns;
    struct doctor_row *rows;
    size_t rows_count;
    struct doctor_source *sources;
    size_t sources_count;
};

/* A guest being looked at, and what its findings say more than once. */
struct doctor_patient {
    const struct doctor *doctor;
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
/* Adds a finding; takes the texts over. */
struct doctor_finding *doctor_find(struct doctor_row *row, const char *problem,
                                   bool is_fault, char *text, char *remedy);
/* For one who may not: what to give him.  free() is the caller's. */
char *doctor_permission_remedy(const char *error);

bool doctor_row_is_well(const struct doctor_row *row);
/* The step at which the walk ended, or NULL. */
const char *doctor_row_failed_step(const struct doctor_row *row);
const char *doctor_step_name(enum doctor_step step);
/* Where the source's guests are looked for: a URI or a path. */
const char *doctor_source_place(const struct source_config *source);

/* What would move a terminal's cursor, turn its text around or is no UTF-8 becomes
 * \xNN; what is too long is cut.  free() is the caller's, here and below. */
char *doctor_escape(const char *text);
char *doctor_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As one word for a shell. */
char *doctor_quote(const char *word);

#endif
