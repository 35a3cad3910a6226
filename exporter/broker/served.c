/* The listener of the real sources: what it hears goes to who asks, and is noted for
 * who asks anew. */
#include "broker/inside.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "source/balloon.h"
#include "source/domain_facts.h"
#include "source/guest_event.h"

#include <stdlib.h>
#include <string.h>

/* --- what is told --- */

/* Of a source that somebody wants to know of. */
static struct text
begin(const struct served *served)
{
    struct text message = TEXT_INIT(TELL_BYTES_MAX);

    bytes_put_number(&message, served->number);
    return message;
}

static void
tell_of(const struct served *served, enum tell kind, struct text *message)
{
    channel_tell(served->number != 0 ? served->broker->channel : NULL, kind, message,
                 CHANNEL_NOW);
}

static void
tell_seen(const struct served *served, const struct charge *charge)
{
    struct text message = begin(served);

    text_add(&message, charge->seen.bytes, charge->seen.length);
    tell_of(served, TELL_SEEN, &message);
}

static void
tell_way(const struct served *served)
{
    struct text message = begin(served);

    if (!served->is_up)
        bytes_put_string(&message, served->why);
    tell_of(served, served->is_up ? TELL_UP : TELL_DOWN, &message);
}

void
served_tell_status(struct served *served)
{
    struct text message = begin(served);

    bytes_put_block(&message, &served->capacity, sizeof(served->capacity));
    bytes_put_block(&message, &served->figures, sizeof(served->figures));
    tell_of(served, TELL_STATUS, &message);
}

/* --- what the sources say --- */

struct charge *
served_find(const struct served *served, const char *key)
{
    struct charge *charge;

    HASH_FIND_STR(served->charges, key, charge);
    return charge;
}

static struct charge *
find_or_add_charge(struct served *served, const char *key)
{
    struct charge *charge = served_find(served, key);

    if (charge || HASH_COUNT(served->charges) >= BROKER_GUESTS_MAX)
        return charge;
    charge = memory_new(1, sizeof(*charge));
    charge->key = memory_string(key);
    charge->seen = TEXT_INIT(TELL_BYTES_MAX);
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_ADD_KEYPTR(hh, served->charges, charge->key, strlen(charge->key), charge);
    return charge;
}

static void
forget_charge(struct served *served, struct charge *charge)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): as above */
    HASH_DEL(served->charges, charge);
    text_free(&charge->seen);
    free(charge->key);
    free(charge);
}

/* It may come back before its call does, which counts then as well. */
static void
leave_charge(struct served *served, struct charge *charge)
{
    charge->is_gone = true;
    charge->may_be_asked = false;
    text_free(&charge->seen);
    if (!charge->is_asked)
        forget_charge(served, charge);
}

/* What an unread definition says of that is for who reads it; until one comes, what was
 * known holds. */
static bool
may_be_asked(const struct charge *charge, const struct guest_facts *facts)
{
    if (facts->definition_xml)
        return true;
    if (facts->channel == CHANNEL_UNKNOWN)
        return charge->may_be_asked && !facts->definition_error;
    return facts->channel == CHANNEL_CONNECTED && !facts->opted_out;
}

/* What is announced before its definition has come again keeps the one that it had. */
static void
note_seen(struct charge *charge, const struct guest_facts *facts)
{
    struct guest_facts before = {.definition = NULL}, now = *facts;
    struct text seen = TEXT_INIT(TELL_BYTES_MAX);

    if (charge->seen.length > 0) {
        struct bytes noted = {.at = charge->seen.bytes,
                              .end = charge->seen.bytes + charge->seen.length};

        message_facts(&noted, &before);
    }
    if (facts->channel == CHANNEL_UNKNOWN && !facts->definition_error &&
        !facts->definition_xml && before.incarnation == facts->incarnation)
        now.definition_xml = before.definition_xml;
    message_put_facts(&seen, &now, false);
    domain_facts_unref(before.definition);
    text_free(&charge->seen);
    charge->seen = seen;
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    struct served *served = context;
    struct charge *charge = find_or_add_charge(served, facts->key);
    struct text message = begin(served);

    (void)source;
    message_put_facts(&message, facts, true);
    tell_of(served, TELL_SEEN, &message);
    if (!charge)
        return;
    charge->may_be_asked = may_be_asked(charge, facts);
    charge->is_visited = facts->channel_is_shared;
    charge->is_gone = false;
    note_seen(charge, facts);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    struct served *served = context;
    struct charge *charge = served_find(served, key);
    struct text message = begin(served);

    (void)source;
    bytes_put_string(&message, key);
    tell_of(served, TELL_GONE, &message);
    if (charge)
        leave_charge(served, charge);
}

static void
source_up(void *context, struct source *source)
{
    struct served *served = context;

    (void)source;
    served->is_up = served->is_tried = true;
    tell_way(served);
}

static void
source_down(void *context, struct source *source, const char *why)
{
    struct served *served = context;

    (void)source;
    free(served->why);
    served->why = why ? memory_string(why) : NULL;
    served->is_up = false;
    served->is_tried = true;
    tell_way(served);
}

static void
guest_event(void *context, struct source *source, const char *key,
            const struct guest_event *event)
{
    const struct served *served = context;
    struct text message = begin(served);

    (void)source;
    bytes_put_string(&message, key);
    bytes_put_block(&message, event, sizeof(*event));
    tell_of(served, TELL_EVENT, &message);
}

static void
balloon_told(void *context, struct source *source, const char *key,
             const struct balloon *balloon)
{
    const struct served *served = context;
    struct text message = begin(served);

    (void)source;
    bytes_put_string(&message, key);
    bytes_put_block(&message, balloon, sizeof(*balloon));
    tell_of(served, TELL_BALLOON, &message);
}

static void
balloons_told(void *context, struct source *source)
{
    const struct served *served = context;
    struct text message = begin(served);

    (void)source;
    tell_of(served, TELL_BALLOONS, &message);
}

const struct source_listener served_listener = {
    .guest_seen = guest_seen,
    .guest_gone = guest_gone,
    .source_up = source_up,
    .source_down = source_down,
    .guest_event = guest_event,
    .balloon_told = balloon_told,
    .balloons_told = balloons_told,
};

/* --- for the broker --- */

struct served *
served_of(const struct broker *broker, int64_t number)
{
    struct served *served = broker->served;

    while (served && served->number != number)
        served = served->next;
    return number != 0 ? served : NULL;
}

void
served_call_back(struct served *served, const char *key)
{
    struct charge *charge = served_find(served, key);

    if (!charge)
        return;
    charge->is_asked = false;
    charge->free_ns = charge->is_visited ? 0 : clock_monotonic_ns() + BROKER_GAP_NS;
    if (charge->is_gone)
        forget_charge(served, charge);
}

void
served_forget_all(struct served *served)
{
    struct charge *charge, *next;

    HASH_ITER (hh, served->charges, charge, next) {
        forget_charge(served, charge);
    }
}

void
served_tell_all(struct served *served)
{
    const struct charge *charge;

    served_tell_status(served);
    for (charge = served->charges; charge; charge = charge->hh.next)
        if (!charge->is_gone)
            tell_seen(served, charge);
    if (served->is_tried)
        tell_way(served);
}
