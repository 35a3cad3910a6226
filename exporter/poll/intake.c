/* From the bytes of a reply to published series. */
#include "poll/intake.h"

#include "agent/reply.h"
#include "base/clock.h"
#include "base/log.h"
#include "guest/health.h"
#include "store/discovery.h"
#include "store/exposition.h"

#include <stdio.h>
#include <string.h>

/* So many refusals in a row are believed however long ago the guest said that it is
 * thawed: where calls are few, its word is never fresh. */
#define REFUSALS_BELIEVED 3
/* More than the health of all collectors ever is. */
#define HEALTH_SERIES_MAX 512
/* These labels are the host's words, not the guest's: the limit in the config is not
 * for them. */
#define HEALTH_LABEL_BYTES_MAX 1024

struct intake
intake_new(const struct config *config, struct store *store)
{
    const struct samples_limits none = {.series_max = 0};

    return (struct intake){
        .config = config,
        .store = store,
        .domain = domain_metrics_new(config->metadata.labels, config->metadata.count),
        .samples = samples_new(&none),
    };
}

void
intake_configure(struct intake *intake, const struct config *config)
{
    domain_metrics_free(intake->domain);
    intake->domain =
        domain_metrics_new(config->metadata.labels, config->metadata.count);
    intake->config = config;
}

bool
intake_asks_addresses(const struct intake *intake)
{
    bool asks = false;

    for (size_t i = 0; i < collectors_count; i++)
        asks |= collectors[i]->addresses && intake->config->collectors[i].enabled;
    return asks;
}

void
intake_free(struct intake *intake)
{
    domain_metrics_free(intake->domain);
    samples_free(intake->samples);
}

size_t
intake_slots(const struct metric *const *slots[INTAKE_SLOTS_MAX])
{
    for (size_t i = 0; i < collectors_count; i++)
        slots[i] = collectors[i]->metrics;
    slots[collectors_count] = health_metrics;
    slots[collectors_count + 1] = domain_metrics_plain;
    return collectors_count + 2;
}

/* The guest's series are limited in all: what its other collectors have is not there
 * for this one. */
static size_t
series_left(const struct intake *intake, const struct guest *guest, size_t collector)
{
    size_t left = intake->config->limits.series_per_guest;

    for (size_t i = 0; i < collectors_count; i++) {
        size_t used = i == collector ? 0 : guest->collectors[i].series;

        left -= used < left ? used : left;
    }
    return left;
}

/* A command that is asked less often, because it was slow, keeps its values as much
 * longer. */
static int64_t
expiry_ns(const struct intake *intake, const struct guest *guest, size_t collector,
          const struct call *call)
{
    int64_t max_age_ns = intake->config->collectors[collector].max_age_ns;

    return call->answer.received_mono_ns +
           (max_age_ns << guest->schedule.entries[collector].stretch);
}

static void
withdraw(const struct intake *intake, struct guest *guest, size_t collector)
{
    store_put(intake->store, guest->place, collector, NULL, 0);
    guest->collectors[collector].series = 0;
    guest->collectors[collector].reply_hash = 0;
}

/* Those that the collector's series name: what its filters exclude is not among them.
 */
static void
learn_addresses(const struct samples *samples, const struct metric *family,
                struct guest *guest)
{
    enum { DEVICE, FAMILY, ADDRESS };
    struct discovery_address addresses[DISCOVERY_ADDRESSES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < samples_count(samples) && count < DISCOVERY_ADDRESSES_MAX;
         i++) {
        struct sample sample = samples_at(samples, i);

        if (sample.metric == family &&
            discovery_address_read(&addresses[count], sample.label_values[DEVICE],
                                   sample.label_values[ADDRESS]))
            count++;
    }
    guest_locate(guest, addresses, count);
}

static int
parse(const struct intake *intake, struct guest *guest, size_t collector,
      const struct call *call, const json_t *value, struct failure *why)
{
    struct guest_collector *state = &guest->collectors[collector];
    const struct samples_limits limits = {
        .series_max = series_left(intake, guest, collector),
        .label_bytes_max = intake->config->limits.label_bytes,
    };
    const struct exchange exchange = {
        .sent_ns = call->answer.sent_ns,
        .received_ns = call->answer.received_ns,
        .round_trip_ns = call->answer.received_mono_ns - call->answer.sent_mono_ns,
        .filters =
            (const struct filter *const *)intake->config->collectors[collector].filters,
        .host = guest->definition ? &guest->definition->host : NULL,
        .os = *guest->told.os_id ? guest->told.os_id : guest->os_hint,
        .memory = state->memory,
    };
    struct samples *samples = intake->samples;

    samples_restart(samples, &limits);
    int status = collectors[collector]->parse(value, &exchange, samples, why);

    if (status == 0) {
        state->series = samples_count(samples);
        state->dropped = samples_dropped(samples);
        if (collectors[collector]->addresses)
            learn_addresses(samples, collectors[collector]->addresses, guest);
        store_put(
            intake->store, guest->place, collector,
            exposition_render(guest->identity, collectors[collector]->metrics, samples),
            expiry_ns(intake, guest, collector, call));
    }
    return status;
}

/* FNV-1a; a guest that makes two of its replies collide fools itself. */
static uint64_t
hash_of(const struct call *call)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < call->answer.reply_length; i++)
        hash = (hash ^ (unsigned char)call->answer.reply[i]) * UINT64_C(0x100000001b3);
    return hash | 1;
}

/* Most replies are the last one again: vCPUs, filesystems, the OS.  Then the series
 * that were made of it hold for longer, and nothing is parsed: that is half of the
 * work. */
static bool
says_the_same(const struct intake *intake, struct guest *guest, size_t collector,
              const struct call *call)
{
    struct guest_collector *state = &guest->collectors[collector];
    const struct collector *asked = collectors[collector];
    uint64_t hash = hash_of(call);
    bool repeats = hash == state->reply_hash;

    /* What it says depends on the past, or on when it says it; or what became of it
     * depends on the room that the other collectors left. */
    if (asked->memory_bytes > 0 || asked->command_status || asked->is_frozen ||
        state->dropped > 0)
        return false;
    state->reply_hash = hash;
    return repeats && store_renew(intake->store, guest->place, collector,
                                  expiry_ns(intake, guest, collector, call));
}

/* guest-info tells which commands the agent has and allows; what it does not allow is
 * not asked. */
static void
learn_commands(struct guest *guest, size_t collector, const json_t *value)
{
    if (!collectors[collector]->command_status)
        return;
    /* While the filesystems are frozen everything is listed as disabled; the probe
     * hardly ever is otherwise. */
    bool frozen = collectors[collector]->command_status(
                      value, collector_probe->command) == COMMAND_DISABLED;

    for (size_t i = 0; i < collectors_count; i++) {
        enum command_status status =
            collectors[collector]->command_status(value, collectors[i]->command);

        if (status != COMMAND_DISABLED || !frozen)
            guest->collectors[i].status = status;
    }
}

/* Agents since 9.1 call a command disabled also while the filesystems are frozen: that
 * it is for good is believed of a guest that was asked after the first refusal, and is
 * not frozen. */
static bool
refusal_is_believed(const struct guest *guest, size_t collector, int64_t now_ns)
{
    int64_t refused_ns = guest->collectors[collector].refused_ns;

    if (refused_ns == 0 || guest->frozen || guest->thawed_ns <= refused_ns)
        return false;
    return guest_is_surely_thawed(guest, now_ns) ||
           guest->collectors[collector].refusals >= REFUSALS_BELIEVED;
}

static void
learn_freeze(struct guest *guest, bool frozen, int64_t now_ns)
{
    if (frozen && !guest->frozen)
        guest->frozen_since_ns = now_ns;
    /* That explains what was refused: the next refusal may be another freeze's. */
    for (size_t i = 0; i < collectors_count && frozen; i++) {
        guest->collectors[i].refused_ns = 0;
        guest->collectors[i].refusals = 0;
    }
    if (!frozen)
        guest->thawed_ns = now_ns;
    guest->frozen = frozen;
}

/* What the reply tells beyond its series. */
static void
learn(struct guest *guest, size_t collector, const json_t *value)
{
    learn_commands(guest, collector, value);
    if (!collectors[collector]->tell)
        return;
    collectors[collector]->tell(value, &guest->told);
    guest->discovery_stale = guest->another = true;
}

static void
read_reply(const struct intake *intake, struct guest *guest, size_t collector,
           bool publish, const struct call *call, struct failure *why)
{
    if (publish && says_the_same(intake, guest, collector, call)) {
        why->kind = FAILURE_NONE;
        return;
    }
    json_auto_t *value = reply_parse(call->answer.reply, call->answer.reply_length,
                                     intake->config->limits.reply_bytes, why);

    if (!value)
        return;
    why->kind = FAILURE_NONE;
    if (collectors[collector]->is_frozen)
        learn_freeze(guest, collectors[collector]->is_frozen(value),
                     call->answer.received_mono_ns);
    if (!publish)
        return;
    if (parse(intake, guest, collector, call, value, why) == 0)
        learn(guest, collector, value);
    else if (why->kind == FAILURE_NONE)
        failure_set(why, FAILURE_MALFORMED,
                    "the reply has another shape than documented");
}

/* Whether the agent itself said something. */
static bool
is_answer(enum failure_kind kind)
{
    return kind == FAILURE_NONE || kind == FAILURE_UNSUPPORTED ||
           kind == FAILURE_DISABLED || kind == FAILURE_FROZEN ||
           kind == FAILURE_AGENT_ERROR || kind == FAILURE_MALFORMED ||
           kind == FAILURE_TOO_LARGE;
}

/* One call of several.  Whether there is nothing to note of the collector yet. */
static bool
converse(const struct intake *intake, struct guest *guest, size_t collector,
         bool publish, const struct call *call, struct failure *why)
{
    struct guest_collector *state = &guest->collectors[collector];
    json_auto_t *answer = NULL;

    if (call->answer.reply)
        answer = reply_parse(call->answer.reply, call->answer.reply_length,
                             intake->config->limits.reply_bytes, why);
    enum failure_kind kind = answer ? FAILURE_NONE : why->kind;
    bool first = state->conversation.duration_ns == 0;

    state->conversation.duration_ns +=
        call->answer.received_mono_ns - call->answer.sent_mono_ns;
    /* In the middle of it this is a freeze: the same is asked again after the thaw. */
    if (kind == FAILURE_DISABLED &&
        !refusal_is_believed(guest, collector, call->answer.received_mono_ns))
        kind = FAILURE_FROZEN;
    if (first && (kind == FAILURE_UNSUPPORTED || kind == FAILURE_DISABLED)) {
        state->conversation.open = false;
        return false;
    }
    switch (conversation_answer(collectors[collector], &state->conversation,
                                state->memory, kind, answer, intake->finishing)) {
    case CONVERSATION_COMPLETE:
        why->kind = FAILURE_NONE;
        if (publish && parse(intake, guest, collector, call, answer, why) < 0 &&
            why->kind == FAILURE_NONE)
            failure_set(why, FAILURE_MALFORMED, "the replies lack what is documented");
        return false;
    case CONVERSATION_UNSETTLED:
        state->unsettled = true;
        break;
    case CONVERSATION_GOES_ON:
    case CONVERSATION_BROKEN:
        break;
    }
    if (is_answer(kind) && kind != FAILURE_FROZEN)
        why->kind = FAILURE_NONE; /* the agent is well; it refused one step */
    return why->kind == FAILURE_NONE;
}

static void
note_collector(const struct intake *intake, struct guest *guest, size_t collector,
               const struct call *call, const struct failure *why)
{
    struct guest_collector *state = &guest->collectors[collector];

    state->asked = true;
    state->success = why->kind == FAILURE_NONE;
    state->failure = why->kind;
    state->duration_ns = collectors[collector]->next ? state->conversation.duration_ns
                                                     : call->answer.received_mono_ns -
                                                           call->answer.sent_mono_ns;
    if (state->success) {
        state->last_success_ns = call->answer.received_ns;
        state->status = COMMAND_ENABLED;
    } else if (why->kind == FAILURE_UNSUPPORTED || why->kind == FAILURE_DISABLED) {
        state->status =
            why->kind == FAILURE_DISABLED ? COMMAND_DISABLED : COMMAND_MISSING;
        withdraw(intake, guest, collector);
    }
    if (!state->success && state->status != COMMAND_MISSING)
        log_debug("a call failed", LOG_STR("domain", guest->name),
                  LOG_STR("collector", collectors[collector]->name),
                  LOG_STR("reason", failure_kind_name(why->kind)),
                  LOG_STR("error", why->text));
}

/* Whether the failure is somebody else's work in the guest, a backup's say. */
static bool
is_interruption(enum failure_kind kind)
{
    return kind == FAILURE_FROZEN || kind == FAILURE_BUSY;
}

/* Perhaps it is frozen: to be asked before the refusal is believed. */
static enum failure_kind
doubt(struct guest *guest, size_t collector, int64_t now_ns)
{
    if (guest->collectors[collector].refused_ns == 0)
        guest->collectors[collector].refused_ns = now_ns;
    guest->collectors[collector].refusals++;
    return FAILURE_FROZEN;
}

enum failure_kind
intake_answer(const struct intake *intake, struct guest *guest, size_t collector,
              bool publish, const struct call *call)
{
    struct failure why = call->answer.failure;
    bool partial = false;

    if (collectors[collector]->next)
        partial = converse(intake, guest, collector, publish, call, &why);
    else if (call->answer.reply)
        read_reply(intake, guest, collector, publish, call, &why);

    /* Whatever becomes of a failure below, that reply has brought no series: the same
     * one again renews none. */
    if (why.kind != FAILURE_NONE)
        guest->collectors[collector].reply_hash = 0;
    guest->calls_total++;
    if (is_answer(why.kind) && call->answer.channel != CALL_FOUND_CHANNEL_BROKEN)
        guest->last_response_ns = clock_realtime_ns();
    if (collectors[collector] == collector_freeze && why.kind != FAILURE_NONE &&
        is_answer(why.kind))
        learn_freeze(guest, false, call->answer.received_mono_ns); /* it cannot tell */
    else if (why.kind == FAILURE_DISABLED &&
             !refusal_is_believed(guest, collector, call->answer.received_mono_ns))
        return doubt(guest, collector, call->answer.received_mono_ns);
    if (why.kind == FAILURE_NONE) {
        guest->collectors[collector].refused_ns = 0;
        guest->collectors[collector].refusals = 0;
    }

    guest->last_failure = why;
    if (is_interruption(why.kind))
        return why.kind;
    guest->failures_total[why.kind] += why.kind != FAILURE_NONE;
    guest->answered |= why.kind == FAILURE_NONE;
    if (publish && !partial)
        note_collector(intake, guest, collector, call, &why);
    return why.kind;
}

void
intake_late_answer(const struct intake *intake, struct guest *guest, size_t collector,
                   const struct call *call)
{
    const struct conversation *conversation =
        &guest->collectors[collector].conversation;
    struct failure ignored = call->answer.failure;

    if (conversation->open && conversation->awaited)
        (void)converse(intake, guest, collector, false, call, &ignored);
}

static const struct samples_limits host_limits = {
    .series_max = HEALTH_SERIES_MAX,
    .label_bytes_max = HEALTH_LABEL_BYTES_MAX,
};

static void
publish_definition(const struct intake *intake, struct guest *guest)
{
    const struct metric *const *families = domain_metrics_families(intake->domain);
    struct samples *samples = intake->samples;

    samples_restart(samples, &host_limits);
    domain_metrics_samples(intake->domain, guest->uuid, guest->definition, samples);
    store_put(intake->store, guest->place, collectors_count + 1,
              exposition_render(guest->identity, families, samples), INT64_MAX);
    guest->definition_stale = false;
}

/* A guest that has said no address is announced too: it makes no target. */
static void
publish_record(const struct intake *intake, struct guest *guest, enum agent_state state)
{
    const struct domain_facts *facts = guest->definition;
    char names[DOMAIN_LABELS_MAX][DOMAIN_LABEL_NAME_BYTES_MAX + sizeof "metadata_"];
    struct discovery_label labels[10 + DOMAIN_LABELS_MAX] = {
        {"domain", guest->name},
        {"uuid", guest->uuid},
        {"source", guest->source_name},
        {"agent_state", agent_state_name(state)},
        {"agent_version", guest->told.agent_version},
        {"os_id", guest->told.os_id},
        {"title", domain_facts_title(facts)},
        {"instance_name", domain_facts_nova(facts, "instance/name")},
        {"project", domain_facts_nova(facts, "instance/owner/project")},
        {"flavor", domain_facts_nova(facts, "instance/flavor@name")},
    };
    size_t count = 10;

    for (size_t i = 0; i < intake->config->metadata.count; i++) {
        const struct domain_label *wanted = &intake->config->metadata.labels[i];

        snprintf(names[i], sizeof names[i], "metadata_%s", wanted->name);
        labels[count++] = (struct discovery_label){
            names[i], domain_facts_metadata(facts, wanted->namespace, wanted->path)};
    }
    store_announce(
        intake->store, guest->place,
        discovery_guest_new(labels, count, guest->addresses, guest->addresses_count));
    guest->discovery_stale = false;
}

void
intake_health(const struct intake *intake, struct guest *guest, enum agent_state state,
              bool backing_off)
{
    struct samples *samples = intake->samples;
    bool enabled[COLLECTORS_MAX];

    if (guest->definition_stale)
        publish_definition(intake, guest);
    if (guest->discovery_stale)
        publish_record(intake, guest, state);
    samples_restart(samples, &host_limits);
    for (size_t i = 0; i < collectors_count; i++)
        enabled[i] = intake->config->collectors[i].enabled;
    health_samples(guest, state, backing_off, enabled, samples);
    store_put(intake->store, guest->place, collectors_count,
              exposition_render(guest->identity, health_metrics, samples), INT64_MAX);
}
