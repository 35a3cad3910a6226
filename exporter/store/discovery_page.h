/* The JSON of /sd.  Pure. */
#ifndef STORE_DISCOVERY_PAGE_H
#define STORE_DISCOVERY_PAGE_H

#include "base/text.h"
#include "store/discovery_query.h"

/* Appends the JSON list of target groups, in the order of `guests`; never more than
 * fits. If that is little, each guest has its share of it: who names many addresses has
 * targets for the first ones. */
void discovery_render(const struct discovery_query *query,
                      struct discovery_guest *const *guests, size_t guests_count,
                      struct text *out);

#endif
