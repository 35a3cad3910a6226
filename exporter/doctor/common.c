/* Sorting brings notes of the same words side by side. */
#include "doctor/common.h"

#include "base/text.h"
#include "doctor/diagnosis.h"
#include "doctor/words.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 3

struct note {
    struct doctor_finding *finding;
    const struct doctor_row *row;
};

static int
compare_words(const struct note *a, const struct note *b)
{
    int order = strcmp(a->finding->text, b->finding->text);

    for (size_t i = 0; order == 0 && i < DOCTOR_REMEDIES_MAX; i++) {
        const char *one = a->finding->remedies[i], *other = b->finding->remedies[i];

        order = strcmp(one ? one : "", other ? other : "");
    }
    return order;
}

/* The rows of a note stay in their order. */
static int
compare_notes(const void *a, const void *b)
{
    const struct note *one = a, *other = b;
    int order = compare_words(one, other);

    return order != 0 ? order : (one->row > other->row) - (one->row < other->row);
}

/* Sorted; free() is the caller's. */
static struct note *
notes_of(const struct doctor *doctor, size_t *count)
{
    struct note *notes = NULL;

    *count = 0;
    for (size_t i = 0; i < doctor->rows_count; i++)
        *count += doctor->rows[i].findings_count;
    notes = memory_new(*count + 1, sizeof(*notes));
    *count = 0;
    for (size_t i = 0; i < doctor->rows_count; i++) {
        struct doctor_row *row = &doctor->rows[i];

        for (size_t j = 0; j < row->findings_count; j++) {
            if (!row->findings[j].is_fault)
                notes[(*count)++] = (struct note){&row->findings[j], row};
        }
    }
    qsort(notes, *count, sizeof(*notes), compare_notes);
    return notes;
}

/* How many from the first on have its words. */
static size_t
run_of(const struct note *notes, size_t count)
{
    size_t run = 1;

    while (run < count && compare_words(&notes[0], &notes[run]) == 0)
        run++;
    return run;
}

void
doctor_common_mark(struct doctor *doctor)
{
    size_t count, run;
    struct note *notes = notes_of(doctor, &count);

    for (size_t i = 0; i < count; i += run) {
        run = run_of(&notes[i], count - i);
        for (size_t j = i; j < i + run; j++)
            notes[j].finding->is_common = run >= DOCTOR_COMMON_MIN;
    }
    free(notes);
}

static void
write_note(struct text *out, const struct note *notes, size_t run)
{
    const struct doctor_finding *finding = notes[0].finding;

    text_add_format(out, "note of %zu domains (", run);
    for (size_t i = 0; i < run && i < NAMES_MAX; i++) {
        char *name = doctor_escape(notes[i].row->domain);

        text_add_format(out, "%s%s", i > 0 ? ", " : "", name);
        free(name);
    }
    text_add_format(out, "%s): %s", run > NAMES_MAX ? ", ..." : "", finding->text);
    for (size_t i = 0; i < DOCTOR_REMEDIES_MAX && finding->remedies[i]; i++)
        text_add_format(out, "; %s", finding->remedies[i]);
    text_add_string(out, "\n");
}

void
doctor_common_write(struct text *out, const struct doctor *doctor)
{
    size_t count, run;
    struct note *notes = notes_of(doctor, &count);

    for (size_t i = 0; i < count; i += run) {
        run = run_of(&notes[i], count - i);
        if (notes[i].finding->is_common)
            write_note(out, &notes[i], run);
    }
    free(notes);
}
