/* Notes. */
#include "store/note.h"

#include "kit/memory.h"

#include <stdlib.h>

bool
guest_note_is_well(const struct guest_note *note)
{
    const struct note_finding *reason = guest_note_reason(note);

    return !reason || !reason->is_fault;
}

const struct note_finding *
guest_note_reason(const struct guest_note *note)
{
    for (size_t i = 0; i < note->findings_count; i++) {
        if (note->findings[i].is_fault)
            return &note->findings[i];
    }
    return note->findings_count > 0 ? &note->findings[0] : NULL;
}

struct guest_note *
guest_note_new(void)
{
    struct guest_note *note = memory_new(1, sizeof(*note));

    atomic_init(&note->references, 1);
    return note;
}

void
guest_note_add(struct guest_note *note, struct note_finding finding)
{
    note->findings =
        memory_resize(note->findings, note->findings_count + 1, sizeof(finding));
    note->findings[note->findings_count++] = finding;
}

struct guest_note *
guest_note_ref(struct guest_note *note)
{
    atomic_fetch_add(&note->references, 1);
    return note;
}

void
guest_note_unref(struct guest_note *note)
{
    if (!note || atomic_fetch_sub(&note->references, 1) != 1)
        return;
    for (size_t i = 0; i < note->findings_count; i++) {
        free(note->findings[i].text);
        for (size_t j = 0; j < NOTE_REMEDIES_MAX; j++)
            free(note->findings[i].remedies[j]);
    }
    free(note->domain);
    free(note->uuid);
    free(note->source);
    free(note->agent_version);
    free(note->os);
    free(note->findings);
    free(note->collectors);
    free(note);
}

struct sources_note *
sources_note_new(void)
{
    struct sources_note *note = memory_new(1, sizeof(*note));

    atomic_init(&note->references, 1);
    return note;
}

struct source_note *
sources_note_add(struct sources_note *note)
{
    note->sources =
        memory_resize(note->sources, note->count + 1, sizeof(*note->sources));
    struct source_note *added = &note->sources[note->count++];

    *added = (struct source_note){.name = NULL};
    return added;
}

struct sources_note *
sources_note_ref(struct sources_note *note)
{
    if (note)
        atomic_fetch_add(&note->references, 1);
    return note;
}

void
sources_note_unref(struct sources_note *note)
{
    if (!note || atomic_fetch_sub(&note->references, 1) != 1)
        return;
    for (size_t i = 0; i < note->count; i++) {
        free(note->sources[i].name);
        free(note->sources[i].place);
        free(note->sources[i].why);
        free(note->sources[i].remedy);
    }
    free(note->sources);
    free(note);
}
