/* What is held in memory for readers, some of whom are slow: one place for each thing
 * that is shared among them.  A thing that is kept for the next reader does not count;
 * those that only readers still hold have a limit together, and past it the oldest are
 * not wanted any more.  Any thread. */
#ifndef STORE_SHELF_H
#define STORE_SHELF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct shelf;

/* A part of the thing; all zero as long as that is on no shelf. */
struct shelf_place {
    struct shelf *shelf;
    struct shelf_place *newer, **link;
    size_t bytes;
    bool kept; /* the shelf's lock */
    atomic_bool unwanted;
};

struct shelf *shelf_new(void);
/* It goes with the last thing that is on it. */
void shelf_leave(struct shelf *shelf);

void shelf_put(struct shelf *shelf, struct shelf_place *place, size_t bytes);
/* On no shelf: fine. */
void shelf_take(struct shelf_place *place);
void shelf_keep(struct shelf_place *place, bool kept);

/* Whether what is not kept fits into so many bytes.  If not, its oldest are unwanted
 * from now on, so that it will. */
bool shelf_fits(struct shelf *shelf, size_t bytes_max);
/* Who reads such a thing should be cut off. */
bool shelf_is_unwanted(const struct shelf_place *place);

#endif
