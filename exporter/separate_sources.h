/* The sources of the configuration, for who must not parse it. */
#ifndef SEPARATE_SOURCES_H
#define SEPARATE_SOURCES_H

#include "base/text.h"

#include <stdbool.h>

struct options;

/* Reads them by a process of its own, as ORDER_ALLOW's text (broker/orders.h).
 * `sources` stays as it is if that fails.  With `says_why` the reason goes to standard
 * error.  The exit status of that process. */
int separate_sources(const struct options *options, bool says_why,
                     struct text *sources);

#endif
