/* Which part of a scrape is wanted: the parameters of its URL.  Parts are asked for or
 * left out by their names (collect[], exclude[]), families by theirs (name[]), guests
 * by the label `domain` (domain[]); what is not a guest's goes if guests are named.
 * Pure.
 */
#ifndef STORE_SELECTION_H
#define STORE_SELECTION_H

#include "base/parameter.h"
#include "store/body.h"

#include <stdbool.h>
#include <stddef.h>

#define SELECTION_PARTS_MAX 64
#define SELECTION_FAMILIES_MAX 512
#define SELECTION_DOMAINS_MAX 64

struct selection {
    const struct store_part *parts; /* borrowed */
    size_t parts_count;
    bool has_collect, has_exclude, has_names;
    bool collect[SELECTION_PARTS_MAX], exclude[SELECTION_PARTS_MAX];
    bool names[SELECTION_FAMILIES_MAX];    /* by part, then by family */
    bool families[SELECTION_FAMILIES_MAX]; /* likewise: what is wanted in the end */
    /* As they begin an identity: domain="web-1"; and whether there is such a guest. */
    char *domains[SELECTION_DOMAINS_MAX];
    bool found[SELECTION_DOMAINS_MAX];
    size_t domains_count;
    char problem[PARAMETER_PROBLEM_BYTES];
};

void selection_init(struct selection *selection, const struct store_part *parts,
                    size_t parts_count);
void selection_free(struct selection *selection);

/* One parameter of the URL; `value` may be NULL.  The first problem is latched. */
void selection_add(struct selection *selection, const char *key, const char *value);
/* After the last one. */
void selection_close(struct selection *selection);

/* Whether nothing is left out. */
bool selection_is_whole(const struct selection *selection);
bool selection_has_part(const struct selection *selection, size_t part);
/* Notes as well that the guest is there. */
bool selection_takes_guest(struct selection *selection, const char *identity);
/* After all guests were seen: false with the problem, if one that was asked for was not
 * there. */
bool selection_check_guests(struct selection *selection);

#endif
