/* Events that a source tells of its guests, and what is served of them.  For the file
 * of a test's main() alone. */
#ifndef UNIT_POLL_HAPPENINGS_H
#define UNIT_POLL_HAPPENINGS_H

#include "poll/watch.h"
#include "source/guest_event.h"
#include "unit/poll/world.h"

static inline void
happens(enum guest_event_kind kind, const char *disk)
{
    struct guest_event event = {.kind = kind};

    (void)snprintf(event.disk, sizeof(event.disk), "%s", disk);
    the_source.listener->guest_event(the_source.listener->context, &the_source, "k",
                                     &event);
}

static inline void
review(const struct world *world)
{
    size_t guests_by_state[AGENT_STATES] = {0};

    watch_review(world->watch, clock_monotonic_ns(), guests_by_state);
}

/* Whether the body has this at the beginning of a line. */
static inline bool
serves(const struct world *world, const char *line)
{
    struct body *body =
        store_body(world->parts.store, (struct body_form){EXPOSITION_TEXT, BODY_PLAIN},
                   clock_monotonic_ns());
    const char *at = body->bytes, *end = body->bytes + body->length;
    bool there = false;

    while (!there && (at = memmem(at, (size_t)(end - at), line, strlen(line)))) {
        there = at == body->bytes || at[-1] == '\n';
        at++;
    }
    body_unref(body);
    return there;
}

static inline bool
counts(const struct world *world, const char *event, unsigned int count)
{
    char line[256];

    (void)snprintf(
        line, sizeof(line),
        "qga_domain_events_total{domain=\"web-1\",source=\"here\",event=\"%s\"} %u\n",
        event, count);
    return serves(world, line);
}

static inline void
stops(void)
{
    the_source.listener->guest_gone(the_source.listener->context, &the_source, "k");
}

#endif
