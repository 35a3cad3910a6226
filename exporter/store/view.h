/* All that the store has of its guests at one moment, for pages: references, so that
 * nobody waits while a page is made of it.  store_view() makes it. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/body.h"
#include "store/series.h"

#include <stdbool.h>
#include <stddef.h>

struct discovery_guest;
struct guest_note;
struct sources_note;

struct view_guest {
    struct guest_note *note;        /* never NULL */
    struct discovery_guest *record; /* or NULL */
    struct fragment **fragments;    /* by part; NULL where there is nothing */
};

struct view {
    const char *incomplete;         /* why guests may be lacking, static; or NULL */
    struct sources_note *sources;   /* or NULL */
    const struct store_part *parts; /* the store's, which outlives it */
    size_t parts_count;
    struct view_guest *guests; /* in the order of their identities */
    size_t guests_count;
};

void view_free(struct view *view);

/* Where a family stands, to be looked for once for all guests. */
struct view_family {
    bool is_there;
    size_t part, index;
};
struct view_family view_family(const struct view *view, const char *name);

/* The guest's series of a family; series_end() is the caller's. */
struct series_reader view_series(const struct view_guest *guest,
                                 struct view_family family);

#endif
