/* What the doctor has found: a row of each guest with its findings, and the sources. */
#ifndef DOCTOR_DIAGNOSIS_H
#define DOCTOR_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct source_config;

#define DOCTOR_FINDINGS_MAX 40 /* some of the guest, and one for each collector */
#define DOCTOR_REMEDIES_MAX 2

enum doctor_step { STEP_CHANNEL, STEP_SERVICE, STEP_ANSWER, STEPS };
enum doctor_mark { MARK_UNTRIED, MARK_PASSED, MARK_FAILED };

struct doctor_finding {
    const char *problem;                 /* one word for scripts; static */
    bool is_fault;                       /* else a note */
    bool is_common;                      /* many have it: see doctor/common.h */
    char *text;                          /* one sentence, without control characters */
    char *remedies[DOCTOR_REMEDIES_MAX]; /* one line each; NULL: none (more) */
};

struct doctor_row {
    char *domain, *uuid; /* not escaped; "": none */
    const char *source;  /* its name, borrowed; "" */
    const char *state;   /* static */
    char *agent_version; /* as the agent said; "" */
    char *os;            /* os-release's ID; "" */
    const char *os_from; /* "agent" or "metadata"; NULL: os is "" */
    enum doctor_mark steps[STEPS];
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
    size_t findings_count;
};

struct doctor_source {
    const struct source_config *config; /* borrowed */
    bool is_up;
    char *why, *remedy; /* NULL while it is up */
};

struct doctor {
    const struct config *config;
    const char *const *domains;
    bool *found; /* those of `domains` */
    int64_t now_ns;
    struct doctor_row *rows;
    size_t rows_count;
    struct doctor_source *sources;
    size_t sources_count;
};

void doctor_row_clear(struct doctor_row *row);

bool doctor_row_is_well(const struct doctor_row *row);
/* The first step that failed, or NULL. */
const char *doctor_row_failed_step(const struct doctor_row *row);
const char *doctor_step_name(enum doctor_step step);

#endif
