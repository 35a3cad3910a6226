/* Looks at domains. */
#include "source/libvirt/looks.h"

#include "kit/memory.h"
#include "source/libvirt/job.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* That a migration was given up is told by no event. */
#define MIGRATION_LOOK_NS (INT64_C(2) * 1000 * 1000 * 1000)

/* A domain about which something is under way. */
struct subject {
    char uuid[UUID_BYTES];
    bool looking; /* a look is on its way ... */
    bool again;   /* ... or it waits for its turn, as something happened */
    bool just_started, agent_connected, agent_disconnected;
    bool migrates;     /* to another host, by libvirt's word */
    int64_t looked_ns; /* the last time */
    int64_t spent_ns;  /* its looks, as time that pays for them */
    UT_hash_handle hh;
};

struct looks {
    struct source *source;
    const struct source_listener *listener;
    void (*look)(struct source *source, const char *uuid, bool migrates);
    struct subject *subjects;
};

struct looks *
looks_new(struct source *source, const struct source_listener *listener,
          void (*look)(struct source *source, const char *uuid, bool migrates))
{
    struct looks *looks = memory_new(1, sizeof(*looks));

    looks->source = source;
    looks->listener = listener;
    looks->look = look;
    return looks;
}

static void
forget(struct looks *looks, struct subject *subject)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses count of the table */
    HASH_DEL(looks->subjects, subject);
    free(subject);
}

void
looks_forget(struct looks *looks)
{
    struct subject *subject, *next;

    HASH_ITER (hh, looks->subjects, subject, next) {
        forget(looks, subject);
    }
}

void
looks_free(struct looks *looks)
{
    looks_forget(looks);
    free(looks);
}

static struct subject *
find(const struct looks *looks, const char *uuid)
{
    struct subject *subject;

    HASH_FIND_STR(looks->subjects, uuid, subject);
    return subject;
}

static struct subject *
find_or_add(struct looks *looks, const char *uuid)
{
    struct subject *subject = find(looks, uuid);

    if (subject)
        return subject;
    subject = memory_new(1, sizeof(*subject));
    memcpy(subject->uuid, uuid, UUID_BYTES);
    HASH_ADD_STR(looks->subjects, uuid, subject);
    return subject;
}

static bool
may_look(const struct subject *subject, int64_t now_ns)
{
    return subject->spent_ns <= now_ns + (LOOKS_BURST - 1) * LOOK_EACH_NS;
}

/* Now, or as soon as one that is on its way is back, or when the review finds that it
 * may. */
static void
look_at(struct looks *looks, struct subject *subject, int64_t now_ns)
{
    subject->again = subject->looking || !may_look(subject, now_ns);
    if (subject->again)
        return;
    subject->looking = true;
    subject->looked_ns = now_ns;
    subject->spent_ns =
        (subject->spent_ns > now_ns ? subject->spent_ns : now_ns) + LOOK_EACH_NS;
    looks->look(looks->source, subject->uuid, subject->migrates);
}

static void
announce(const struct looks *looks, const struct domain_description *domain,
         const struct subject *subject)
{
    const struct guest_facts facts = {
        .key = domain->uuid,
        .name = domain->name,
        .uuid = domain->uuid,
        .incarnation = domain->id,
        .domain = domain->state,
        .channel = domain->channel,
        .just_started = subject && subject->just_started,
        .agent_connected = subject && subject->agent_connected,
        .agent_disconnected = subject && subject->agent_disconnected,
        .opted_out = domain->opted_out,
        .os_hint = domain->os,
        .definition = domain->facts,
    };

    looks->listener->guest_seen(looks->listener->context, looks->source, &facts);
}

void
looks_list(const struct looks *looks, const struct domain_description *domain)
{
    announce(looks, domain, NULL);
}

void
looks_take_event(struct looks *looks, enum libvirt_event_kind kind, const char *uuid,
                 int64_t now_ns)
{
    struct subject *subject = find_or_add(looks, uuid);

    subject->just_started |= kind == LIBVIRT_DOMAIN_STARTED;
    subject->agent_connected |= kind == LIBVIRT_AGENT_CONNECTED;
    subject->agent_disconnected |= kind == LIBVIRT_AGENT_DISCONNECTED;
    subject->migrates |= kind == LIBVIRT_DOMAIN_MIGRATES;
    if (kind == LIBVIRT_DOMAIN_STOPPED)
        looks->listener->guest_gone(looks->listener->context, looks->source, uuid);
    look_at(looks, subject, now_ns);
}

void
looks_done(struct looks *looks, const char *uuid,
           const struct domain_description *domain, int64_t now_ns)
{
    struct subject *subject = find(looks, uuid);

    if (!subject)
        return;
    subject->looking = false;
    if (subject->again)
        look_at(looks, subject, now_ns);
    if (subject->looking)
        return; /* what was seen may not be so any more */
    const struct subject happened = *subject;

    subject->just_started = subject->agent_connected = subject->agent_disconnected =
        false;
    subject->migrates =
        subject->migrates && domain && domain->state == DOMAIN_MIGRATING;
    if (domain)
        announce(looks, domain, &happened);
    else
        looks->listener->guest_gone(looks->listener->context, looks->source, uuid);
}

void
looks_failed(struct looks *looks, const char *uuid)
{
    struct subject *subject = find(looks, uuid);

    if (subject)
        forget(looks, subject); /* the list that follows a reconnect has it */
}

void
looks_review(struct looks *looks, int64_t now_ns)
{
    struct subject *subject, *next;

    HASH_ITER (hh, looks->subjects, subject, next) {
        if (subject->looking)
            continue;
        if (subject->again ||
            (subject->migrates && now_ns - subject->looked_ns >= MIGRATION_LOOK_NS))
            look_at(looks, subject, now_ns);
        else if (!subject->migrates && subject->spent_ns <= now_ns)
            forget(looks, subject);
    }
}
