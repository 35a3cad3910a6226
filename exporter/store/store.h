/* The latest snapshot of every guest, and the body made of them.
 *
 * Shared between the poller, which writes, and the web thread, which reads: every
 * function may be called from any thread; the one lock is inside.  What was published
 * is immutable. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct discovery_guest;
struct guest_note;
struct selection;
struct sources_note;
struct store;
struct store_guest;
struct text;
struct view;

/* So long after its keeper's last turn is what would never expire not shown any more.
 */
#define STORE_PATIENCE_NS (INT64_C(30) * 1000 * 1000 * 1000)

/* The parts are copied, what they name is borrowed; a family stands in one part only.
 * Part i is slot i of each guest, if it has no `write`.  `context` is for those that
 * have. */
struct store *store_new(const struct store_part *parts, size_t parts_count,
                        void *context);
void store_free(struct store *store);

/* Adds a guest; they are kept in the order of their identities.  No two may have the
 * same; the string is copied. */
struct store_guest *store_guest_add(struct store *store, const char *identity);
/* All series of the guest are gone from the next body on. */
void store_guest_remove(struct store *store, struct store_guest *guest);

/* Takes the caller's reference to `fragment`; NULL withdraws what was there.  From
 * expires_ns on (CLOCK_MONOTONIC) it is not shown any more; INT64_MAX: as long as who
 * keeps the store takes its turns (store_turned()). */
void store_put(struct store *store, struct store_guest *guest, size_t slot,
               struct fragment *fragment, int64_t expires_ns);
/* What is there holds for longer.  false: nothing is there. */
bool store_renew(struct store *store, struct store_guest *guest, size_t slot,
                 int64_t expires_ns);

/* A turn of the one who keeps the store; it takes one each second.  Until the first,
 * its turns are not awaited.  now_ns: CLOCK_MONOTONIC. */
void store_turned(struct store *store, int64_t now_ns);
/* Whether the last turn is not too long ago. */
bool store_is_kept(const struct store *store, int64_t now_ns);

/* What service discovery says of the guest; takes the caller's reference.  NULL
 * withdraws it. */
void store_announce(struct store *store, struct store_guest *guest,
                    struct discovery_guest *record);
/* Whether the guests that are there are all that there are: NULL, or why not (static).
 * At first they are not. */
void store_set_incomplete(struct store *store, const char *why);
/* References to all announced guests in the order of identity; the caller unrefs each
 * and frees the list.  NULL with `why` if guests may be lacking. */
struct discovery_guest **store_announced(struct store *store, size_t *count,
                                         const char **why);

/* What is said of the guest, and of all sources, for a person; take the caller's
 * reference. */
void store_describe(struct store *store, struct store_guest *guest,
                    struct guest_note *note);
void store_describe_sources(struct store *store, struct sources_note *note);
/* All guests that are described, and their series that have not expired; the caller
 * frees it (view_free()).  now_ns: CLOCK_MONOTONIC. */
struct view *store_view(struct store *store, int64_t now_ns);
/* A page that was made of it, for its readers: the text is taken.  NULL if slow readers
 * hold too much. */
struct body *store_page(struct store *store, struct text *text);

/* The body as of now_ns (CLOCK_MONOTONIC): the cached one of this form if nothing
 * changed, nothing has expired and it is not older than a second, else a new one.
 * Caller unrefs.  Never waits for a guest.
 *
 * While slow readers hold too much (store/body_cache.h), the cached one serves longer.
 */
struct body *store_body(struct store *store, struct body_form form, int64_t now_ns);

/* Begins a selection among the store's parts, which must outlive it. */
void store_select(const struct store *store, struct selection *selection);
/* The same bytes less what is not selected; made for the caller alone.  NULL with the
 * selection's problem if a guest is not there; NULL without one if slow readers hold
 * too much. */
struct body *store_selected_body(struct store *store, struct selection *selection,
                                 struct body_form form, int64_t now_ns);

#endif
