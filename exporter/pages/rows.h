/* What the list of guests says of each: from a view over the store to plain values.
 * Pure. */
#ifndef PAGES_ROWS_H
#define PAGES_ROWS_H

#include "store/view.h"

#include <stdbool.h>
#include <stddef.h>

struct pages_query;

struct row {
    const struct view_guest *guest; /* the view's */
    char *system;                   /* as os-release writes it for people; "" */
    struct {
        bool is_known;
        double offset_s, uncertainty_s; /* the guest's less the host's */
    } clock;
    struct {
        char *mount_point; /* NULL: not known */
        double used_ratio;
    } fullest;
    double answered_s; /* since 1970, by the host's clock; 0: never */
};

struct rows {
    struct row *rows; /* those that are wanted, in order */
    size_t count;
    size_t guests_count; /* all that there are */
};

struct rows rows_of(const struct view *view, const struct pages_query *query);
/* Of one guest alone. */
struct row row_of(const struct view *view, const struct view_guest *guest);
void row_clear(struct row *row);
void rows_free(struct rows *rows);

/* The guest of this name; of several with one name that of the source.  Of none, or of
 * more than one, NULL.  `source` "": any. */
const struct view_guest *row_find(const struct view *view, const char *domain,
                                  const char *source);

#endif
