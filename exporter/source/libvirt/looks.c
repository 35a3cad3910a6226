/* Looks at domains. */
#include "source/libvirt/looks.h"

#include "kit/memory.h"
#include "source/libvirt/job.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* That a migration was given up is told by no event. */
#define MIGRATION_LOOK_NS (INT64_C(2) * 1000 * 1000 * 1000)

/* Whether a domain's definition is wanted. */
enum want {
    WANT_NOTHING,
    WANT_AWAITED, /* the announcement waits for it */
    WANT_LATE,    /* announced without it */
};

/* A domain about which something is under way. */
struct subject {
    char uuid[UUID_BYTES];
    bool announced;
    bool looking;         /* a look is on its way ... */
    bool again;           /* ... or it waits for its turn, as something happened */
    bool doubted;         /* the reconciliation is to look at it, in its turn */
    int64_t again_ns;     /* not before, as the last look failed ... */
    int64_t again_gap_ns; /* ... after such a time; 0: it did not */
    bool just_started, agent_connected, agent_disconnected;
    bool migrates;     /* to another host, by libvirt's word */
    int64_t looked_ns; /* the last time */
    int64_t spent_ns;  /* its looks, as time that pays for them */

    struct domain_description domain; /* as it was last seen; owns its name */
    enum want want;
    bool listed;          /* and not announced yet */
    bool defining;        /* a request for the definition is on its way ... */
    bool define_again;    /* ... that was made before it was last seen */
    int64_t wanted_ns;    /* since then */
    int64_t retry_ns;     /* to ask for it again; INT64_MAX: not */
    int64_t retry_gap_ns; /* the next after that */
    UT_hash_handle hh;
};

struct looks {
    struct source *source;
    const struct source_listener *listener;
    const struct looks_driver *driver;
    bool asks_undefined;
    struct subject *subjects;
    size_t listed;    /* subjects */
    int64_t heard_ns; /* when the definition of one of these came last */
    int64_t due_ns;
    int64_t reconciled_ns;   /* the second ... */
    unsigned int reconciled; /* ... in which so many were looked at */
};

struct looks *
looks_new(struct source *source, const struct source_listener *listener,
          const struct looks_driver *driver, bool asks_undefined)
{
    struct looks *looks = memory_new(1, sizeof(*looks));

    looks->source = source;
    looks->listener = listener;
    looks->driver = driver;
    looks->asks_undefined = asks_undefined;
    looks->due_ns = INT64_MAX;
    return looks;
}

static void
set_listed(struct looks *looks, struct subject *subject, bool listed)
{
    looks->listed -= subject->listed;
    looks->listed += listed;
    subject->listed = listed;
}

static void
forget(struct looks *looks, struct subject *subject)
{
    set_listed(looks, subject, false);
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses count of the table */
    HASH_DEL(looks->subjects, subject);
    free(subject->domain.name);
    free(subject);
}

void
looks_forget(struct looks *looks)
{
    struct subject *subject, *next;

    HASH_ITER (hh, looks->subjects, subject, next) {
        forget(looks, subject);
    }
    looks->due_ns = INT64_MAX;
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
    subject->retry_ns = INT64_MAX;
    HASH_ADD_STR(looks->subjects, uuid, subject);
    return subject;
}

size_t
looks_unannounced(const struct looks *looks)
{
    return looks->listed;
}

int64_t
looks_due_ns(const struct looks *looks)
{
    return looks->due_ns;
}

static void
be_due(struct looks *looks, int64_t due_ns)
{
    if (due_ns < looks->due_ns)
        looks->due_ns = due_ns;
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
    subject->doubted = false;
    subject->looking = true;
    subject->looked_ns = now_ns;
    subject->spent_ns =
        (subject->spent_ns > now_ns ? subject->spent_ns : now_ns) + LOOK_EACH_NS;
    looks->driver->look(looks->source, subject->uuid);
}

/* --- what is announced --- */

static void
forget_happened(struct subject *subject)
{
    subject->just_started = subject->agent_connected = subject->agent_disconnected =
        false;
}

static void
tell(struct looks *looks, struct subject *subject, const struct guest_facts *facts)
{
    set_listed(looks, subject, false);
    subject->announced = true;
    looks->listener->guest_seen(looks->listener->context, looks->source, facts);
}

/* At the other end it does not run yet. */
static bool
seems_to_leave(const struct subject *subject)
{
    return subject->migrates && subject->domain.state == DOMAIN_RUNNING;
}

/* What is known without the definition. */
static struct guest_facts
facts_of(const struct subject *subject)
{
    return (struct guest_facts){
        .key = subject->domain.uuid,
        .name = subject->domain.name,
        .uuid = subject->domain.uuid,
        .incarnation = subject->domain.id,
        .domain = seems_to_leave(subject) ? DOMAIN_MIGRATING : subject->domain.state,
        .pause = subject->domain.pause,
        .channel = CHANNEL_UNKNOWN,
    };
}

/* What has happened is told when it is known whose agent it was. */
static void
announce_late(struct looks *looks, struct subject *subject)
{
    const struct guest_facts facts = facts_of(subject);

    subject->want = WANT_LATE;
    tell(looks, subject, &facts);
}

static void
announce(struct looks *looks, struct subject *subject,
         const struct domain_definition *definition, const char *error)
{
    struct guest_facts facts = facts_of(subject);

    if (!definition->leaves)
        facts.domain = subject->domain.state;
    facts.just_started = subject->just_started;
    facts.agent_connected = subject->agent_connected;
    facts.agent_disconnected = subject->agent_disconnected;
    if (definition->unread) {
        facts.definition_xml = definition->unread;
    } else if (definition->outcome == DEFINITION_READ) {
        facts.channel = definition->xml.channel;
        facts.opted_out = definition->xml.opted_out;
        facts.os_hint = definition->xml.os;
        facts.definition = definition->xml.facts;
    } else if (looks->asks_undefined) {
        facts.channel = CHANNEL_CONNECTED;
    } else {
        facts.definition_error = error;
    }
    forget_happened(subject);
    subject->migrates = subject->migrates && facts.domain == DOMAIN_MIGRATING;
    tell(looks, subject, &facts);
}

/* --- definitions --- */

static void
ask_definition(struct looks *looks, struct subject *subject)
{
    subject->retry_ns = INT64_MAX;
    subject->define_again = subject->defining;
    if (subject->defining)
        return;
    subject->defining = true;
    looks->driver->define(looks->source, subject->uuid, seems_to_leave(subject));
}

static void
retry_at(struct looks *looks, struct subject *subject, int64_t retry_ns)
{
    subject->retry_ns = retry_ns;
    be_due(looks, retry_ns);
}

static int64_t
late_ns(const struct looks *looks, const struct subject *subject)
{
    bool flows = subject->listed && looks->heard_ns > subject->wanted_ns;

    return (flows ? looks->heard_ns : subject->wanted_ns) + DEFINITION_PATIENCE_NS;
}

static void
want_definition(struct looks *looks, struct subject *subject, int64_t now_ns)
{
    if (subject->want == WANT_NOTHING) {
        subject->want = WANT_AWAITED;
        subject->wanted_ns = now_ns;
        subject->retry_gap_ns = DEFINITION_RETRY_NS;
    }
    if (subject->want == WANT_AWAITED)
        be_due(looks, late_ns(looks, subject));
    else /* it may be so for long: what else changes is told */
        announce_late(looks, subject);
    ask_definition(looks, subject);
}

static void
take_description(struct subject *subject, const struct domain_description *domain)
{
    free(subject->domain.name);
    subject->domain = *domain;
    subject->domain.name = memory_string(domain->name);
}

void
looks_list(struct looks *looks, const struct domain_description *domain, int64_t now_ns)
{
    struct subject *subject = find_or_add(looks, domain->uuid);

    set_listed(looks, subject, true);
    take_description(subject, domain);
    subject->again = domain->is_vague;
    want_definition(looks, subject, now_ns);
}

void
looks_defined(struct looks *looks, const char *uuid,
              const struct domain_definition *definition, const char *error,
              int64_t now_ns)
{
    struct subject *subject = find(looks, uuid);

    if (!subject)
        return;
    subject->defining = false;
    if (subject->want == WANT_NOTHING || subject->looking)
        return; /* it is gone, or seen anew and then asked for */
    if (subject->define_again) {
        ask_definition(looks, subject);
        return;
    }
    if (definition->outcome == DEFINITION_AWAITED) {
        retry_at(looks, subject, now_ns + subject->retry_gap_ns);
        subject->retry_gap_ns = subject->retry_gap_ns * 2 < DEFINITION_RETRY_MAX_NS
                                    ? subject->retry_gap_ns * 2
                                    : DEFINITION_RETRY_MAX_NS;
        return;
    }
    if (subject->listed)
        looks->heard_ns = now_ns;
    subject->want = WANT_NOTHING;
    if (definition->outcome == DEFINITION_REFUSED)
        retry_at(looks, subject, now_ns + DEFINITION_REFUSED_NS);
    announce(looks, subject, definition, error);
}

static void
review_definition(struct looks *looks, struct subject *subject, int64_t now_ns)
{
    if (subject->looking)
        return;
    if (subject->retry_ns <= now_ns) {
        if (subject->want == WANT_NOTHING)
            want_definition(looks, subject, now_ns);
        else
            ask_definition(looks, subject);
    }
    if (subject->want == WANT_AWAITED && late_ns(looks, subject) <= now_ns)
        announce_late(looks, subject);
    if (subject->want == WANT_AWAITED)
        be_due(looks, late_ns(looks, subject));
    be_due(looks, subject->retry_ns);
}

/* --- states --- */

/* A request for its definition that is on its way stays noted. */
static void
be_gone(struct looks *looks, struct subject *subject)
{
    subject->want = WANT_NOTHING;
    subject->retry_ns = INT64_MAX;
    subject->announced = false;
    set_listed(looks, subject, false);
    looks->listener->guest_gone(looks->listener->context, looks->source, subject->uuid);
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
        be_gone(looks, subject);
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
    subject->again_gap_ns = 0;
    if (subject->again)
        look_at(looks, subject, now_ns);
    if (subject->looking)
        return; /* what was seen may not be so any more */
    if (!domain) {
        forget_happened(subject);
        subject->migrates = false;
        be_gone(looks, subject);
        return;
    }
    take_description(subject, domain);
    want_definition(looks, subject, now_ns);
}

void
looks_failed(struct looks *looks, const char *uuid, int64_t now_ns)
{
    struct subject *subject = find(looks, uuid);

    if (!subject)
        return;
    subject->looking = false;
    subject->again = true;
    subject->again_gap_ns =
        subject->again_gap_ns == 0 ? LOOK_RETRY_NS : 2 * subject->again_gap_ns;
    if (subject->again_gap_ns > LOOK_RETRY_MAX_NS)
        subject->again_gap_ns = LOOK_RETRY_MAX_NS;
    subject->again_ns = now_ns + subject->again_gap_ns;
}

/* --- the reconciliation --- */

void
looks_reconcile(struct looks *looks, const struct domain_description *domains,
                size_t count)
{
    struct subject *subject;

    for (size_t i = 0; i < count; i++)
        find_or_add(looks, domains[i].uuid)->doubted = true;
    for (subject = looks->subjects; subject; subject = subject->hh.next)
        subject->doubted |= subject->announced;
}

/* So that many do not stand in the way of those that something happened to. */
static void
review_doubted(struct looks *looks, struct subject *subject, int64_t now_ns)
{
    if (now_ns - looks->reconciled_ns >= LOOK_EACH_NS) {
        looks->reconciled_ns = now_ns;
        looks->reconciled = 0;
    }
    if (looks->reconciled >= LOOKS_RECONCILED)
        return;
    looks->reconciled++;
    look_at(looks, subject, now_ns);
}

/* --- the review --- */

static bool
is_quiet(const struct subject *subject, int64_t now_ns)
{
    return !subject->announced && !subject->doubted && !subject->migrates &&
           !subject->defining && subject->want == WANT_NOTHING && !subject->again &&
           subject->retry_ns == INT64_MAX && subject->spent_ns <= now_ns;
}

void
looks_review(struct looks *looks, int64_t now_ns)
{
    struct subject *subject, *next;

    looks->due_ns = INT64_MAX;
    HASH_ITER (hh, looks->subjects, subject, next) {
        review_definition(looks, subject, now_ns);
        if (subject->looking)
            continue;
        if ((subject->again && subject->again_ns <= now_ns) ||
            (subject->migrates && now_ns - subject->looked_ns >= MIGRATION_LOOK_NS))
            look_at(looks, subject, now_ns);
        else if (subject->doubted && !subject->again)
            review_doubted(looks, subject, now_ns);
        else if (is_quiet(subject, now_ns))
            forget(looks, subject);
    }
}
