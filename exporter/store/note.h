/* What is said of a guest and of the sources for a person, besides the guest's series:
 * immutable, reference-counted, any thread.
 *
 * The makers take over the strings that are not const, which free() frees. */
#ifndef STORE_NOTE_H
#define STORE_NOTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTE_REMEDIES_MAX 2

struct note_finding {
    const char *problem; /* one word for scripts; static */
    bool is_fault;       /* else a remark */
    char *text;
    char *remedies[NOTE_REMEDIES_MAX]; /* NULL: none (more) */
};

/* A collector that is switched on. */
struct note_collector {
    const char *name, *command; /* static, as all here is */
    const char *outcome;        /* of its last call: "ok", or why it failed; "": none */
    const char *avoided;        /* why the command is not sent; "": it is */
    int64_t interval_ns;        /* as long as nothing is in the way */
    bool is_idle;               /* nothing is sent to the guest now, whatever is due */
};

struct guest_note {
    atomic_uint references;
    char *domain, *uuid, *source; /* not escaped; "": none */
    const char *state;            /* static */
    char *agent_version, *os;     /* as the guest says; "" */
    size_t findings_count, collectors_count;
    struct note_finding *findings;
    struct note_collector *collectors;
};

bool guest_note_is_well(const struct guest_note *note);
/* The first fault, or else the first remark, or NULL. */
const struct note_finding *guest_note_reason(const struct guest_note *note);

/* All zero but for one reference. */
struct guest_note *guest_note_new(void);
/* The next of its findings; the strings are taken. */
void guest_note_add(struct guest_note *note, struct note_finding finding);
struct guest_note *guest_note_ref(struct guest_note *note);
void guest_note_unref(struct guest_note *note); /* NULL is fine */

struct source_note {
    char *name, *place; /* not escaped; "" */
    const char *kind;   /* static */
    bool is_up;
    char *why, *remedy; /* NULL while it is up */
};

struct sources_note {
    atomic_uint references;
    size_t count;
    struct source_note *sources;
};

struct sources_note *sources_note_new(void);
/* The next of them, all zero. */
struct source_note *sources_note_add(struct sources_note *note);
struct sources_note *sources_note_ref(struct sources_note *note); /* NULL is fine */
void sources_note_unref(struct sources_note *note);               /* NULL is fine */

#endif
