/* The list of targets (/sd), made on a thread of its own: with many guests that takes
 * longer than a scrape may wait for.  Who asks the same of the same guests gets the
 * list that is there. */
#ifndef WEB_TARGETS_H
#define WEB_TARGETS_H

#include "store/discovery_query.h"
#include "web/pages.h"

#include <stdbool.h>

struct body;
struct store;
struct web_targets;

/* One who asks; the caller's, and must stay until it was notified. */
struct web_targets_ask {
    void (*notify)(void *context); /* on the thread of the lists */
    void *context;
    struct discovery_query query; /* without a problem when a list is wanted */
    /* Only for this module, from here on. */
    struct web_targets_ask *next;
    struct body *list; /* NULL: none, */
    const char *why;   /* and why; static */
};

/* Borrowed: `store`.  Starts no thread before it is needed. */
struct web_targets *web_targets_new(struct store *store);
/* Those who wait are notified first. */
void web_targets_stop(struct web_targets *targets);
void web_targets_free(struct web_targets *targets); /* NULL is fine; stops as well */

/* Only when the caller is ready to be notified; that may come before this returns. */
void web_targets_want(struct web_targets *targets, struct web_targets_ask *ask);
/* The page, once `notify` was called. */
struct web_page web_targets_take(struct web_targets_ask *ask);
/* Instead, for one whose client has gone; fine if there is nothing to take. */
void web_targets_leave(struct web_targets_ask *ask);

#endif
