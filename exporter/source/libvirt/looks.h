/* Which domains are looked at, and when; and what is announced of them.
 *
 * An event is only a hint that a domain changed; what is true is read by a look at the
 * domain that was asked for after the event came.  So no order of events can mislead.
 * A guest can make events as often as it likes, so looks at one domain are limited.
 *
 * A look is one at the domain's state, which libvirt tells at once, and then one into
 * its definition, for which libvirt may wait for the domain's QEMU.  A definition that
 * does not come is announced as not known, and asked for again; while a request for it
 * is not back there is no second one, as each takes one of the daemon's workers.
 *
 * Plain values: time is CLOCK_MONOTONIC, as the caller reads it.  Loop thread. */
#ifndef SOURCE_LIBVIRT_LOOKS_H
#define SOURCE_LIBVIRT_LOOKS_H

#include "source/libvirt/subscriptions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct domain_definition;
struct domain_description;
struct source_listener;

/* So many looks at one domain at once, and then one in so long. */
#define LOOKS_BURST 20
#define LOOK_EACH_NS (INT64_C(1) * 1000 * 1000 * 1000)

/* After a look that failed: so long at first, then twice as long, and so on. */
#define LOOK_RETRY_NS (INT64_C(1) * 1000 * 1000 * 1000)
#define LOOK_RETRY_MAX_NS (INT64_C(32) * 1000 * 1000 * 1000)
/* Of those that a reconciliation is to look at, so many a second. */
#define LOOKS_RECONCILED 20

/* So long a domain's announcement waits for its definition; of domains that were
 * listed, for as long as none at all comes. */
#define DEFINITION_PATIENCE_NS (INT64_C(1) * 1000 * 1000 * 1000)
/* Tried again after so long at first, as a start or another client's query holds the
 * domain for a moment; then after twice as long, and so on. */
#define DEFINITION_RETRY_NS (INT64_C(20) * 1000 * 1000)
#define DEFINITION_RETRY_MAX_NS (INT64_C(1) * 1000 * 1000 * 1000)
/* One that may not be read: rights come by no event, and asking costs polkit a lot. */
#define DEFINITION_REFUSED_NS (INT64_C(30) * 1000 * 1000 * 1000)

struct looks;

struct looks_driver {
    /* Sends for the domain's description; looks_done() or looks_failed() is to follow,
     * later, unless looks_forget() comes before. */
    void (*look)(struct source *source, const char *uuid);
    /* Likewise for its definition, with looks_defined().  `migrates`: libvirt has said
     * that its memory is being sent to another host, and only QEMU can tell when not
     * any more. */
    void (*define)(struct source *source, const char *uuid, bool migrates);
};

/* `asks_undefined`: whether the agent of a domain whose definition may not be read is
 * asked, although the definition might say not to.  What is borrowed here outlives the
 * looks. */
struct looks *looks_new(struct source *source, const struct source_listener *listener,
                        const struct looks_driver *driver, bool asks_undefined);
void looks_free(struct looks *looks);
/* What is under way is void, and nothing is known: the connection is another one. */
void looks_forget(struct looks *looks);

void looks_take_event(struct looks *looks, enum libvirt_event_kind kind,
                      const char *uuid, int64_t now_ns);
/* `domain` is borrowed; NULL: it is gone. */
void looks_done(struct looks *looks, const char *uuid,
                const struct domain_description *domain, int64_t now_ns);
/* libvirt could not say: it is looked at again, later and later. */
void looks_failed(struct looks *looks, const char *uuid, int64_t now_ns);
/* `error`: why it was refused, or "".  Borrowed. */
void looks_defined(struct looks *looks, const char *uuid,
                   const struct domain_definition *definition, const char *error,
                   int64_t now_ns);
/* A domain whose state nobody has looked at, but that was listed. */
void looks_list(struct looks *looks, const struct domain_description *domain,
                int64_t now_ns);

/* Which domains there are, by a list that no event has to do with: these, and those
 * that were announced, are looked at by and by, so that whatever an event or a look has
 * lost is found again. */
void looks_reconcile(struct looks *looks, const struct domain_description *domains,
                     size_t count);

/* How many of those that were listed are not announced yet. */
size_t looks_unannounced(const struct looks *looks);

/* Once a second, and when it is due: looks at what had to wait, and at what no event
 * tells of. */
void looks_review(struct looks *looks, int64_t now_ns);
int64_t looks_due_ns(const struct looks *looks); /* INT64_MAX: not before that */

#endif
