/* One whole exposition: every family once, with its series of all guests. */
#ifndef STORE_BODY_H
#define STORE_BODY_H

#include "base/text.h"
#include "store/exposition.h"

#include <stdatomic.h>
#include <stddef.h>

/* Immutable and reference-counted, shared by concurrent scrapes. */
struct body {
    atomic_uint references;
    size_t length;
    char *bytes;
};

/* The families that stand together, since one fragment holds them all. */
struct body_slot {
    size_t families;
    struct text *headers; /* by family */
};
/* `families` ends with NULL. */
void body_slot_init(struct body_slot *slot, const struct metric *const *families);
void body_slot_clear(struct body_slot *slot);

/* Of the fragments by slot, then by guest; those of slot i end before slot_ends[i]. */
struct body *body_new(const struct body_slot *slots, size_t slots_count,
                      struct fragment *const *fragments, const size_t *slot_ends,
                      const struct text *trailer);
struct body *body_ref(struct body *body);
void body_unref(struct body *body); /* NULL is fine */

#endif
