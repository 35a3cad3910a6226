/* The diagnosis: one row for each guest. */
#include "doctor/doctor.h"

#include "config/config.h"
#include "doctor/common.h"
#include "doctor/diagnosis.h"
#include "doctor/examine.h"
#include "doctor/guest_os.h"
#include "doctor/remedies.h"
#include "doctor/words.h"
#include "guest/guest.h"
#include "guest/state.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

static size_t
count_domains(const char *const *domains)
{
    size_t count = 0;

    while (domains && domains[count])
        count++;
    return count;
}

struct doctor *
doctor_new(const struct config *config, const char *const *domains, int64_t now_ns)
{
    struct doctor *doctor = memory_new(1, sizeof(*doctor));

    doctor->config = config;
    doctor->domains = domains;
    doctor->found = memory_new(count_domains(domains) + 1, sizeof(*doctor->found));
    doctor->now_ns = now_ns;
    return doctor;
}

void
doctor_free(struct doctor *doctor)
{
    if (!doctor)
        return;
    for (size_t i = 0; i < doctor->rows_count; i++)
        doctor_row_clear(&doctor->rows[i]);
    for (size_t i = 0; i < doctor->sources_count; i++) {
        free(doctor->sources[i].why);
        free(doctor->sources[i].remedy);
    }
    free(doctor->found);
    free(doctor->rows);
    free(doctor->sources);
    free(doctor);
}

/* --- rows --- */

static void
add_row(struct doctor *doctor, struct doctor_row row)
{
    doctor->rows =
        memory_resize(doctor->rows, doctor->rows_count + 1, sizeof(*doctor->rows));
    doctor->rows[doctor->rows_count++] = row;
}

static const char *
os_of(const struct guest *guest, const char **from)
{
    if (*guest->software.os_id) {
        *from = "agent";
        return guest->software.os_id;
    }
    *from = *guest->os_hint ? "metadata" : NULL;
    return guest->os_hint;
}

struct doctor_row
doctor_row_of(const struct config *config, const struct source_config *source,
              const struct guest *guest, int64_t now_ns)
{
    enum guest_reason reason = guest_reason(guest, now_ns, config->health.starting_ns);
    struct doctor_row row = {
        .domain = memory_string(guest->name),
        .uuid = memory_string(guest->uuid),
        .source = source->name,
        .state = agent_state_names[guest_reason_state(reason)],
        .agent_version = memory_string(guest->software.agent_version),
    };

    row.os = memory_string(os_of(guest, &row.os_from));
    doctor_examine(&row, config, source, guest, reason);
    return row;
}

void
doctor_add_guest(void *context, const struct source_config *source,
                 const struct guest *guest)
{
    struct doctor *doctor = context;
    const char *const *domains = doctor->domains;

    add_row(doctor, doctor_row_of(doctor->config, source, guest, doctor->now_ns));
    for (size_t i = 0; domains && domains[i]; i++)
        doctor->found[i] = doctor->found[i] || guest_is_called(guest, domains[i]);
}

/* --- sources --- */

void
doctor_add_source(void *context, const struct source_config *source, bool is_up,
                  const char *why)
{
    struct doctor *doctor = context;

    doctor->sources = memory_resize(doctor->sources, doctor->sources_count + 1,
                                    sizeof(*doctor->sources));
    struct doctor_source *added = &doctor->sources[doctor->sources_count++];

    *added = (struct doctor_source){.config = source, .is_up = is_up};
    if (is_up)
        return;
    added->why = doctor_escape(*why ? why : "it does not answer");
    added->remedy = doctor_source_remedy(source, why);
}

/* --- the end --- */

bool
doctor_all_sources_are_up(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->sources_count; i++) {
        if (!doctor->sources[i].is_up)
            return false;
    }
    return true;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct doctor_row *left = a, *right = b;
    int order = strcmp(left->domain, right->domain);

    return order != 0 ? order : strcmp(left->source, right->source);
}

void
doctor_conclude(struct doctor *doctor)
{
    const char *const *domains = doctor->domains;
    const struct doctor_case about = {
        .source = doctor->sources_count == 1 ? doctor->sources[0].config : NULL,
        .os = guest_os_find(""),
        .error = "",
    };

    for (size_t i = 0; domains && domains[i]; i++) {
        if (doctor->found[i])
            continue;
        struct doctor_row row = {
            .domain = memory_string(domains[i]),
            .uuid = memory_string(""),
            .source = "",
            .state = "absent",
            .agent_version = memory_string(""),
            .os = memory_string(""),
        };

        doctor_find(&row,
                    doctor_all_sources_are_up(doctor) ? TROUBLE_NOT_RUNNING
                                                      : TROUBLE_NOT_SEEN,
                    &about);
        add_row(doctor, row);
    }
    if (doctor->rows_count > 0)
        qsort(doctor->rows, doctor->rows_count, sizeof(*doctor->rows), compare_rows);
    doctor_common_mark(doctor);
}

bool
doctor_is_well(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->rows_count; i++) {
        if (!doctor_row_is_well(&doctor->rows[i]))
            return false;
    }
    return doctor_all_sources_are_up(doctor);
}
