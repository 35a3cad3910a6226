/* Which domains are looked at, and when; and what is announced of them.
 *
 * An event is only a hint that a domain changed; what is true is read by a look at the
 * domain that was asked for after the event came.  So no order of events can mislead.
 * A guest can make events as often as it likes, so looks at one domain are limited.
 *
 * Plain values: time is CLOCK_MONOTONIC, as the caller reads it.  Loop thread. */
#ifndef SOURCE_LIBVIRT_LOOKS_H
#define SOURCE_LIBVIRT_LOOKS_H

#include "source/libvirt/subscriptions.h"

#include <stdbool.h>
#include <stdint.h>

struct domain_description;
struct source_listener;

/* So many looks at one domain at once, and then one in so long. */
#define LOOKS_BURST 20
#define LOOK_EACH_NS (INT64_C(1) * 1000 * 1000 * 1000)

struct looks;

/* `look` sends for the domain's description; looks_done() or looks_failed() is to
 * follow, later, unless looks_forget() comes before.  `migrates`: libvirt has said that
 * its memory is being sent to another host, and only a look can tell when not any more.
 * What is borrowed here outlives the looks. */
struct looks *looks_new(struct source *source, const struct source_listener *listener,
                        void (*look)(struct source *source, const char *uuid,
                                     bool migrates));
void looks_free(struct looks *looks);
/* What is under way is void, and nothing is known: the connection is another one. */
void looks_forget(struct looks *looks);

void looks_take_event(struct looks *looks, enum libvirt_event_kind kind,
                      const char *uuid, int64_t now_ns);
/* `domain` is borrowed; NULL: it is gone. */
void looks_done(struct looks *looks, const char *uuid,
                const struct domain_description *domain, int64_t now_ns);
void looks_failed(struct looks *looks, const char *uuid);
/* A domain that nobody has looked at, but that was listed. */
void looks_list(const struct looks *looks, const struct domain_description *domain);

/* Once a second: looks at what had to wait, and at what no event tells of. */
void looks_review(struct looks *looks, int64_t now_ns);

#endif
