/* From the doctor's rows to notes. */
#include "poll/describe.h"

#include "doctor/doctor.h"
#include "doctor/remedies.h"
#include "guest/avoid.h"
#include "kit/memory.h"
#include "poll/inside.h"
#include "store/note.h"

#include <string.h>

_Static_assert(NOTE_REMEDIES_MAX == DOCTOR_REMEDIES_MAX,
               "a note has room for what the doctor says");

/* The strings go over to the note. */
static void
take_findings(struct guest_note *note, struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        const struct doctor_finding *finding = &row->findings[i];

        guest_note_add(note,
                       (struct note_finding){
                           .problem = finding->problem,
                           .is_fault = finding->is_fault,
                           .text = finding->text,
                           .remedies = {finding->remedies[0], finding->remedies[1]},
                       });
    }
    row->findings_count = 0;
}

static const char *
outcome_of(const struct guest_collector *collector)
{
    if (!collector->asked)
        return "";
    return collector->success ? "ok" : failure_kind_name(collector->failure);
}

static const char *
why_avoided(const struct guest_collector *collector)
{
    unsigned int avoided = guest_avoids(collector);
    const char *why = guest_avoids_why(collector);

    if (why)
        return why;
    if (avoided & AVOID_MISSING)
        return "missing";
    return avoided & AVOID_DISABLED ? "disabled" : "";
}

static void
describe_collectors(struct guest_note *note, const struct watch *watch,
                    const struct guest *guest)
{
    const struct config *config = watch->rules.config;
    const struct schedule_guest *schedule = &guest->schedule;

    note->collectors = memory_new(collectors_count, sizeof(*note->collectors));
    for (size_t i = 0; i < collectors_count; i++) {
        if (!config->collectors[i].enabled)
            continue;
        note->collectors[note->collectors_count++] = (struct note_collector){
            .name = collectors[i]->name,
            .command = collectors[i]->command,
            .outcome = outcome_of(&guest->collectors[i]),
            .avoided = why_avoided(&guest->collectors[i]),
            .interval_ns = config->collectors[i].interval_ns
                           << schedule->entries[i].stretch,
            .is_idle =
                watch->paused || !schedule_may_send(watch->schedule, schedule, i),
        };
    }
}

struct guest_note *
describe_guest(const struct watch *watch, const struct guest *guest, int64_t now_ns)
{
    struct guest_note *note = guest_note_new();
    struct doctor_row row =
        doctor_row_of(watch->rules.config, &watch->identity, guest, now_ns);

    note->domain = memory_string(guest->name);
    note->uuid = memory_string(guest->uuid);
    note->source = memory_string(guest->source_name);
    note->state = row.state;
    note->agent_version = memory_string(guest->software.agent_version);
    note->os = memory_string(row.os);
    take_findings(note, &row);
    describe_collectors(note, watch, guest);
    doctor_row_clear(&row);
    return note;
}

void
describe_source(void *note, const struct source_config *source, bool is_up,
                const char *why)
{
    static const char *const kinds[] = {[SOURCE_LIBVIRT] = "libvirt",
                                        [SOURCE_SOCKET] = "socket",
                                        [SOURCE_PROXMOX] = "proxmox"};
    struct source_note *added = sources_note_add(note);

    added->name = memory_string(source->name);
    added->place = memory_string(source_config_place(source));
    added->kind = kinds[source->kind];
    added->is_up = is_up;
    if (is_up)
        return;
    added->why = memory_string(*why ? why : "it is not connected (yet)");
    added->remedy = doctor_source_remedy(source, why);
}
