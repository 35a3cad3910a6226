/* One whole exposition: every family once, with its series of all guests. */
#ifndef STORE_BODY_H
#define STORE_BODY_H

#include "store/exposition.h"
#include "store/shelf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What can be asked for by its name: families that one fragment of each guest holds
 * together, or, with `write`, families that are no guest's and are written when they
 * are asked for, on the thread that asks. */
struct store_part {
    const char *name;
    const struct metric *const *families; /* NULL-terminated */
    void (*write)(void *context, struct fragment_writer *out);
};

enum body_coding {
    BODY_PLAIN,
    BODY_GZIP,
};
#define BODY_CODINGS 2

/* In which of its forms a body is wanted. */
struct body_form {
    enum exposition_format format;
    enum body_coding coding;
};

/* Immutable and reference-counted, shared by concurrent scrapes. */
struct body {
    atomic_uint references;
    size_t length;
    char *bytes;
    size_t room;              /* that `bytes` has; 0: not known */
    struct shelf_place place; /* among those of its store, or on no shelf */
};

/* The families that stand together, since one fragment holds them all. */
struct body_slot {
    size_t families;
    struct text *headers; /* by format, then by family */
};
/* `families` ends with NULL. */
void body_slot_init(struct body_slot *slot, const struct metric *const *families);
void body_slot_clear(struct body_slot *slot);

struct body_recipe {
    const struct body_slot *slots;
    size_t slots_count;
    /* By slot, then by guest; those of slot i end before slot_ends[i]. */
    struct fragment *const *fragments;
    const size_t *slot_ends;
    enum exposition_format format;
    const bool *wanted; /* by slot, then by family; NULL: all are */
};
/* Takes the caller's reference to `spare`, which may be NULL: its memory serves again
 * if nobody else reads it and it has the size.  Fresh memory costs more than what is
 * written there. */
struct body *body_new(const struct body_recipe *recipe, struct body *spare);
/* The same, compressed. */
struct body *body_new_gzip(const struct body *plain);
/* Of a text, which is taken. */
struct body *body_new_text(struct text *text);
struct body *body_ref(struct body *body);
void body_unref(struct body *body); /* NULL is fine */

#endif
