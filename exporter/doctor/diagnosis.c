/* What the doctor has found: rows and their findings. */
#include "doctor/diagnosis.h"

#include <stdlib.h>

void
doctor_row_clear(struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        free(row->findings[i].text);
        for (size_t j = 0; j < DOCTOR_REMEDIES_MAX; j++)
            free(row->findings[i].remedies[j]);
    }
    free(row->domain);
    free(row->uuid);
    free(row->agent_version);
    free(row->os);
}

bool
doctor_row_is_well(const struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        if (row->findings[i].is_fault)
            return false;
    }
    return true;
}

const char *
doctor_step_name(enum doctor_step step)
{
    static const char *const names[STEPS] = {[STEP_CHANNEL] = "channel",
                                             [STEP_SERVICE] = "service",
                                             [STEP_ANSWER] = "answer"};

    return names[step];
}

const char *
doctor_row_failed_step(const struct doctor_row *row)
{
    for (int step = 0; step < STEPS; step++) {
        if (row->steps[step] == MARK_FAILED)
            return doctor_step_name((enum doctor_step)step);
    }
    return NULL;
}
