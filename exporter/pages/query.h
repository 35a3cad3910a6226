/* Which guests a page lists, and in which order: the parameters of its URL.  Pure. */
#ifndef PAGES_QUERY_H
#define PAGES_QUERY_H

#include "base/parameter.h"

#include <stdbool.h>
#include <stddef.h>

#define PAGES_SEARCH_BYTES 128 /* with the NUL */
#define PAGES_SOURCE_BYTES 128
#define PAGES_ROWS 1000 /* of one page */
#define PAGES_MAX 999

enum pages_sort {
    SORT_NAME,
    SORT_STATE,
    SORT_SYSTEM,
    SORT_AGENT,
    SORT_CLOCK,      /* how far it is off */
    SORT_FILESYSTEM, /* how full the fullest is */
    SORT_ANSWER,     /* how long ago */
    SORTS,
};
extern const char *const pages_sort_names[SORTS + 1]; /* NULL-terminated */

struct pages_query {
    const char *const *states;       /* that there are; NULL-terminated */
    const char *state;               /* of them; NULL: any */
    char search[PAGES_SEARCH_BYTES]; /* "": all */
    char source[PAGES_SOURCE_BYTES]; /* likewise; of one guest's page */
    enum pages_sort sort;
    bool descending;
    unsigned int page; /* from 1 on */
    char problem[PARAMETER_PROBLEM_BYTES];
};

void pages_query_init(struct pages_query *query, const char *const *states);
/* One parameter of the URL; `value` may be NULL; empty is as if it were not there.  The
 * first problem is latched. */
void pages_query_add(struct pages_query *query, const char *key, const char *value);

#endif
