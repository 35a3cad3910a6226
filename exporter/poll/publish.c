/* Guests in the store. */
#include "poll/publish.h"

#include "base/log.h"
#include "guest/balloon_metrics.h"
#include "guest/domain_metrics.h"
#include "guest/events.h"
#include "guest/health.h"
#include "guest/state.h"
#include "poll/describe.h"
#include "poll/inside.h"
#include "store/discovery.h"
#include "store/exposition.h"
#include "store/store.h"

#include <stdio.h>

/* More than the health of all collectors ever is. */
#define HEALTH_SERIES_MAX 512
/* These labels are the host's words, not the guest's: the limit in the config is not
 * for them. */
#define HEALTH_LABEL_BYTES_MAX 1024

/* Transitions of one guest in the log: so many at once, and then one in so long. */
#define LOG_BURST 60
#define LOG_EACH_NS (INT64_C(20) * 1000 * 1000 * 1000)

static const struct samples_limits host_limits = {
    .series_max = HEALTH_SERIES_MAX,
    .label_bytes_max = HEALTH_LABEL_BYTES_MAX,
};

size_t
publish_slots(struct store_part slots[PUBLISH_SLOTS_MAX])
{
    for (size_t i = 0; i < collectors_count; i++)
        slots[i] = (struct store_part){.name = collectors[i]->name,
                                       .families = collectors[i]->metrics};
    slots[collectors_count] =
        (struct store_part){.name = "health", .families = health_metrics};
    slots[collectors_count + 1] =
        (struct store_part){.name = "domain", .families = domain_metrics_plain};
    slots[collectors_count + 2] =
        (struct store_part){.name = "balloon", .families = balloon_metrics};
    slots[collectors_count + 3] =
        (struct store_part){.name = "balloon_host", .families = balloon_host_metrics};
    slots[collectors_count + 4] =
        (struct store_part){.name = "events", .families = events_metrics};
    return collectors_count + 5;
}

/* --- series of collectors --- */

/* One place for the families of both, so that none is there twice: the other's own
 * answer takes it back. */
static void
publish_substitute(const struct watch *watch, struct guest *guest, size_t collector,
                   int64_t expires_ns)
{
    const struct collector *other = collectors[collector]->substitutes;
    size_t slot = (size_t)collector_find(other->name);
    struct samples *samples = watch->rules.samples;

    if (watch->rules.config->collectors[slot].enabled &&
        guest->collectors[slot].success)
        return;
    samples_restart(samples, &host_limits);
    collectors[collector]->substitute(guest->collectors[collector].memory, samples);
    guest->collectors[slot].series = samples_count(samples);
    samples_show(samples, watch->rules.config->collectors[collector].profile);
    store_put(watch->parts->store, guest->place, slot,
              exposition_render(guest->identity, other->metrics, samples), expires_ns);
}

void
publish_series(const struct watch *watch, struct guest *guest,
               const struct schedule_turn *turn, const struct answer *answer,
               const struct verdict *verdict)
{
    size_t collector = turn->collector;

    /* A command that is asked less often, because it was slow, keeps its values as much
     * longer. */
    int64_t expires_ns = answer->received_mono_ns +
                         (watch->rules.config->collectors[collector].max_age_ns
                          << guest->schedule.entries[collector].stretch);

    switch (verdict->series) {
    case SERIES_AS_BEFORE:
        break;
    case SERIES_NEW:
        store_put(watch->parts->store, guest->place, collector,
                  exposition_render(guest->identity, collectors[collector]->metrics,
                                    watch->rules.samples),
                  expires_ns);
        if (collectors[collector]->substitute)
            publish_substitute(watch, guest, collector, expires_ns);
        break;
    case SERIES_RENEWED:
        (void)store_renew(watch->parts->store, guest->place, collector, expires_ns);
        break;
    case SERIES_WITHDRAWN:
        store_put(watch->parts->store, guest->place, collector, NULL, 0);
        break;
    }
}

/* --- the guest --- */

/* Of the samples, what the profile shows. */
static struct fragment *
render(const struct watch *watch, const char *identity,
       const struct metric *const *families)
{
    samples_show(watch->rules.samples, watch->rules.config->profile);
    return exposition_render(identity, families, watch->rules.samples);
}

static void
publish_definition(const struct watch *watch, const struct guest *guest)
{
    const struct metric *const *families = domain_metrics_families(watch->domain);
    struct samples *samples = watch->rules.samples;

    samples_restart(samples, &host_limits);
    domain_metrics_samples(watch->domain, guest->uuid, guest->definition, samples);
    store_put(watch->parts->store, guest->place, collectors_count + 1,
              render(watch, guest->identity, families), INT64_MAX);
}

/* What the guest says can be older than what the host says of it. */
void
publish_balloon(const struct watch *watch, const struct guest *guest)
{
    const struct balloon *balloon = &guest->balloon;
    int64_t max_age_ns = watch->identity.libvirt.balloon.max_age_ns;
    struct samples *samples = watch->rules.samples;
    struct fragment *words = NULL, *host = NULL;

    if (balloon_is_current(balloon, max_age_ns)) {
        samples_restart(samples, &host_limits);
        balloon_samples(balloon, samples);
        words = render(watch, guest->identity, balloon_metrics);
    }
    if (balloon->read_ns > 0) {
        samples_restart(samples, &host_limits);
        balloon_host_samples(balloon, samples);
        host = render(watch, guest->identity, balloon_host_metrics);
    }
    store_put(watch->parts->store, guest->place, collectors_count + 2, words,
              balloon_expires_ns(balloon, max_age_ns));
    store_put(watch->parts->store, guest->place, collectors_count + 3, host,
              balloon->read_mono_ns + max_age_ns);
}

void
publish_events(const struct watch *watch, const struct events *events,
               const enum pause_reason *pause, const char *identity,
               struct store_guest *place)
{
    struct samples *samples = watch->rules.samples;

    samples_restart(samples, &host_limits);
    events_samples(events, samples);
    if (pause)
        pause_samples(*pause, samples);
    store_put(watch->parts->store, place, collectors_count + 4,
              render(watch, identity, events_metrics), INT64_MAX);
}

/* A source that tells no events has no zeros of them. */
static void
publish_happened(const struct watch *watch, struct guest *guest)
{
    bool is_paused = guest->source_is_up && guest->domain == DOMAIN_PAUSED;

    guest->unpublished &= ~(unsigned int)GUEST_EVENTS;
    if (watch->driver->tells_events)
        publish_events(watch, &guest->events, is_paused ? &guest->pause : NULL,
                       guest->identity, guest->place);
}

/* A guest that has said no address is announced too: it makes no target. */
static void
publish_record(const struct watch *watch, const struct guest *guest)
{
    const struct metadata_config *metadata = &watch->rules.config->metadata;
    const struct domain_facts *facts = guest->definition;
    char names[DOMAIN_LABELS_MAX][DOMAIN_LABEL_NAME_BYTES_MAX + sizeof("metadata_")];
    struct discovery_label labels[12 + DOMAIN_LABELS_MAX] = {
        {"domain", guest->name},
        {"uuid", guest->uuid},
        {"source", guest->source_name},
        {"agent_state", agent_state_names[guest->last_state]},
        {"agent_version", guest->software.agent_version},
        {"os_id", guest->software.os_id},
        {"title", domain_facts_title(facts)},
        {"instance_name", domain_facts_nova(facts, "instance/name")},
        {"project", domain_facts_nova(facts, "instance/owner/project")},
        {"flavor", domain_facts_nova(facts, "instance/flavor@name")},
        {"tags", domain_facts_tags(facts)},
        {"ostype", domain_facts_ostype(facts)},
    };
    size_t count = 12;

    for (size_t i = 0; i < metadata->count; i++) {
        const struct domain_label *wanted = &metadata->labels[i];

        (void)snprintf(names[i], sizeof(names[i]), "metadata_%s", wanted->name);
        labels[count++] = (struct discovery_label){
            names[i], domain_facts_metadata(facts, wanted->namespace, wanted->path)};
    }
    store_announce(
        watch->parts->store, guest->place,
        discovery_guest_new(labels, count, guest->addresses, guest->addresses_count));
}

static void
publish_health(const struct watch *watch, const struct guest *guest)
{
    struct samples *samples = watch->rules.samples;
    bool enabled[COLLECTORS_MAX];

    for (size_t i = 0; i < collectors_count; i++)
        enabled[i] = watch->rules.config->collectors[i].enabled;
    samples_restart(samples, &host_limits);
    health_samples(guest, guest->last_state,
                   schedule_is_backing_off(watch->schedule, &guest->schedule), enabled,
                   samples);
    store_put(watch->parts->store, guest->place, collectors_count,
              render(watch, guest->identity, health_metrics), INT64_MAX);
}

/* --- its state --- */

static bool
is_trouble(enum agent_state state)
{
    return state == AGENT_UNRESPONSIVE || state == AGENT_MALFORMED ||
           state == AGENT_DENIED;
}

/* A guest whose agent connects again and again does not fill the log: a few lines at
 * once, and then one now and then. */
enum log_level
publish_log_level(int64_t *spent_ns, enum log_level level, int64_t now_ns)
{
    if (*spent_ns > now_ns + (LOG_BURST - 1) * LOG_EACH_NS)
        return LOG_DEBUG;
    if (*spent_ns < now_ns)
        *spent_ns = now_ns;
    *spent_ns += LOG_EACH_NS;
    return level;
}

static void
log_transition(struct guest *guest, enum agent_state state, int64_t now_ns)
{
    const char *error =
        guest->last_failure.kind != FAILURE_NONE ? guest->last_failure.text : "";

    log_write(
        publish_log_level(&guest->log_spent_ns, is_trouble(state) ? LOG_WARN : LOG_INFO,
                          now_ns),
        __FILE__, __LINE__,
        is_trouble(state) ? "the guest agent is in trouble" : "the guest agent's state",
        LOG_STR("domain", guest->name), LOG_STR("state", agent_state_names[state]),
        LOG_STR("was", agent_state_names[guest->last_state]), LOG_STR("error", error),
        LOG_END);
}

bool
publish(const struct watch *watch, struct guest *guest, unsigned int changed,
        int64_t now_ns)
{
    enum agent_state state =
        guest_state(guest, now_ns, watch->rules.config->health.starting_ns);

    if (state != guest->last_state) {
        log_transition(guest, state, now_ns);
        guest->last_state = state;
        changed |= GUEST_HEALTH | GUEST_RECORD;
    }
    if (changed & GUEST_DEFINITION)
        publish_definition(watch, guest);
    if (changed & GUEST_RECORD)
        publish_record(watch, guest);
    if (changed & GUEST_EVENTS)
        publish_happened(watch, guest);
    guest->unpublished |= changed & GUEST_COUNTS;
    if (changed & (GUEST_ALL | GUEST_NOTES))
        store_describe(watch->parts->store, guest->place,
                       describe_guest(watch, guest, now_ns));
    if (!(changed & GUEST_HEALTH))
        return false;
    publish_health(watch, guest);
    guest->unpublished &= ~(unsigned int)GUEST_COUNTS;
    return true;
}
