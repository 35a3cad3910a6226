/* From the bytes of an answer to a verdict. */
#include "guest/answer.h"

#include "agent/reply.h"
#include "config/config.h"
#include "guest/avoid.h"
#include "guest/response.h"
#include "kit/filter.h"
#include "kit/hash.h"

/* An answer on its way through. */
struct incoming {
    struct guest *guest;
    size_t index; /* of the collector */
    const struct collector *collector;
    struct guest_collector *state;
    const struct answer *answer;
    const struct answer_rules *rules;
    bool wanted;        /* what it says; else only whether and how the agent answered */
    struct failure why; /* there is nothing in it */
    struct verdict *verdict;
};

/* --- what it says --- */

/* How many series the collector `index` would take if it could. */
static size_t
series_wanted(const struct incoming *in, size_t index)
{
    const struct guest_collector *collector = &in->guest->collectors[index];

    if (!in->rules->config->collectors[index].enabled)
        return 0;
    return collector->wants_more ? SIZE_MAX : collector->series;
}

/* The guest's series are limited in all: each collector may have the same share, and
 * what one does not want the others get.  One that has more than its share, because it
 * came first, gives it back with its next answer. */
static size_t
series_share(const struct incoming *in)
{
    size_t left = in->rules->config->limits.series_per_guest;
    size_t others = 0, before; /* that share with this one */
    bool content[COLLECTORS_MAX] = {false};

    for (size_t i = 0; i < collectors_count; i++)
        others += i != in->index;
    do {
        before = others;
        for (size_t i = 0; i < collectors_count; i++) {
            size_t wanted = series_wanted(in, i);

            if (i == in->index || content[i] || wanted > left / (others + 1))
                continue;
            content[i] = true;
            left -= wanted;
            others--;
        }
    } while (others < before);
    return left / (others + 1);
}

/* Those that the collector's series name: what its filters exclude is not among them.
 */
static void
learn_addresses(const struct incoming *in)
{
    enum { DEVICE, FAMILY, ADDRESS };
    const struct samples *samples = in->rules->samples;
    struct discovery_address addresses[DISCOVERY_ADDRESSES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < samples_count(samples) && count < DISCOVERY_ADDRESSES_MAX;
         i++) {
        struct sample sample = samples_at(samples, i);

        if (sample.metric == in->collector->addresses &&
            discovery_address_read(&addresses[count], sample.label_values[DEVICE],
                                   sample.label_values[ADDRESS]))
            count++;
    }
    in->verdict->changed |= guest_locate(in->guest, addresses, count);
}

/* Each reply has its own budget of what patterns may cost. */
static void
restart_filters(const struct incoming *in)
{
    for (size_t i = 0; i < COLLECTOR_FILTERS_MAX; i++)
        filter_restart(in->rules->config->collectors[in->index].filters[i]);
}

/* Returns what they left out because they could not decide. */
static size_t
review_filters(const struct incoming *in)
{
    size_t undecided = 0;

    for (size_t i = 0; i < COLLECTOR_FILTERS_MAX; i++) {
        const struct filter *filter =
            in->rules->config->collectors[in->index].filters[i];

        undecided += filter_undecided(filter);
        if (!in->verdict->slow_pattern)
            in->verdict->slow_pattern = filter_tell_slow(filter);
    }
    return undecided;
}

/* What another collector knows that this one shows, unless it is older than that one's
 * series may be. */
static const struct proc_facts *
proc_facts_for(const struct incoming *in)
{
    for (size_t i = 0; in->collector->shows_proc_facts && i < collectors_count; i++) {
        const struct collector_config *config = &in->rules->config->collectors[i];
        const struct guest_collector *state = &in->guest->collectors[i];
        int64_t age_ns = in->answer->received_ns - state->last_success_ns;

        if (collectors[i]->proc_facts && config->enabled && state->memory &&
            state->asked && age_ns <= config->max_age_ns)
            return collectors[i]->proc_facts(state->memory);
    }
    return NULL;
}

/* `shape`: what is said of a reply whose collector does not say it. */
static int
make_series(struct incoming *in, const json_t *value, const char *shape)
{
    const struct config *config = in->rules->config;
    const struct samples_limits limits = {
        .series_max = series_share(in),
        .label_bytes_max = config->limits.label_bytes,
    };
    const struct domain_facts *definition = in->guest->definition;
    const struct exchange exchange = {
        .sent_ns = in->answer->sent_ns,
        .received_ns = in->answer->received_ns,
        .round_trip_ns = in->answer->received_mono_ns - in->answer->sent_mono_ns,
        .filters = (const struct filter *const *)config->collectors[in->index].filters,
        .host = definition ? &definition->host : NULL,
        .proc = proc_facts_for(in),
        .max_age_ns = config->collectors[in->index].max_age_ns,
        .profile = config->collectors[in->index].profile,
        .os = guest_os_id(in->guest),
        .memory = in->state->memory,
    };
    struct samples *samples = in->rules->samples;

    in->why.kind = FAILURE_NONE;
    in->why.text[0] = '\0';
    samples_restart(samples, &limits);
    restart_filters(in);
    int parsed = in->collector->parse(value, &exchange, samples, &in->why);
    size_t undecided = review_filters(in);

    if (parsed < 0) {
        if (in->why.kind == FAILURE_NONE)
            failure_set(&in->why, FAILURE_WRONG_SHAPE, "%s", shape);
        return -1;
    }
    in->state->wants_more =
        samples_dropped(samples) > 0 && samples_count(samples) == limits.series_max;
    novelty_admit(&in->guest->novelty, &in->state->known, samples,
                  config->limits.new_series_per_hour, in->answer->received_mono_ns);
    in->state->dropped = samples_dropped(samples) + undecided;
    if (in->collector->addresses)
        learn_addresses(in);
    samples_show(samples, exchange.profile);
    in->state->series = samples_count(samples);
    in->verdict->series = SERIES_NEW;
    return 0;
}

/* guest-info tells which commands the agent has and allows; what it does not allow is
 * not asked. */
static void
learn_commands(const struct incoming *in, const json_t *list)
{
    bool frozen = freeze_lists(in->collector, list);

    for (size_t i = 0; i < collectors_count; i++) {
        enum command_status status =
            in->collector->command_status(list, collectors[i]->command);

        if (status != COMMAND_DISABLED || !frozen)
            in->guest->collectors[i].status = status;
    }
}

/* What the reply tells beyond its series. */
static void
learn(const struct incoming *in, const json_t *value)
{
    if (in->collector->command_status)
        learn_commands(in, value);
    if (!in->collector->software)
        return;
    in->collector->software(value, &in->guest->software);
    guest_judge_harm(in->guest, &in->rules->config->avoid);
    in->verdict->changed |= GUEST_RECORD;
}

/* Most replies are the last one again: vCPUs, filesystems, the OS.  Then the series
 * that were made of it hold for longer, and nothing is parsed: that is half of the
 * work. */
static bool
says_the_same(const struct incoming *in)
{
    uint64_t hash =
        hash_bytes(HASH_START, in->answer->reply, in->answer->reply_length) | 1;
    bool repeats = hash == in->state->reply_hash;

    /* What it says depends on the past, or on when it says it, or on what another
     * collector has read; or what became of it depends on the room that the other
     * collectors left. */
    if (in->collector->memory_bytes > 0 || in->collector->command_status ||
        in->collector->is_frozen || in->state->dropped > 0 || proc_facts_for(in) ||
        in->state->series > series_share(in)) {
        in->state->reply_hash = 0;
        return false;
    }
    in->state->reply_hash = hash;
    return repeats;
}

static json_t *
parse_reply(struct incoming *in)
{
    return reply_parse(in->answer->reply, in->answer->reply_length,
                       in->rules->config->limits.reply_bytes, &in->why);
}

static void
learn_of_freeze(struct incoming *in, bool frozen)
{
    if (frozen && !in->guest->freeze.frozen)
        in->guest->frozen_since_ns = in->answer->received_ns;
    freeze_learn(&in->guest->freeze, frozen, in->answer->received_mono_ns);
}

static void
read_reply(struct incoming *in)
{
    if (in->wanted && says_the_same(in)) {
        in->verdict->series = SERIES_RENEWED;
        return;
    }
    json_auto_t *value = parse_reply(in);

    if (!value)
        return;
    if (in->collector->is_frozen)
        learn_of_freeze(in, in->collector->is_frozen(value));
    if (in->wanted &&
        make_series(in, value, "the reply has another shape than documented") == 0)
        learn(in, value);
}

/* --- conversations: one call of several --- */

/* A freeze in the middle of it: the same is asked again after the thaw. */
static enum failure_kind
step_of_conversation(const struct incoming *in, const json_t *value)
{
    if (value)
        return FAILURE_NONE;
    if (in->why.kind != FAILURE_DISABLED)
        return in->why.kind;
    return freeze_explain(&in->guest->freeze, in->index, in->answer->received_mono_ns);
}

/* Whether the conversation has come to something that is to be noted: series, or that
 * the agent does not have its first command. */
static bool
converse(struct incoming *in)
{
    struct conversation *conversation = &in->state->conversation;
    bool first = conversation->duration_ns == 0;
    json_auto_t *value = in->answer->reply ? parse_reply(in) : NULL;
    enum failure_kind kind = step_of_conversation(in, value);

    conversation->duration_ns +=
        in->answer->received_mono_ns - in->answer->sent_mono_ns;
    if (first && (kind == FAILURE_UNSUPPORTED || kind == FAILURE_DISABLED)) {
        conversation->open = false;
        return true;
    }
    enum conversation_turn turn =
        conversation_answer(in->collector, conversation, in->state->memory, kind, value,
                            in->rules->finishing);

    if (turn == CONVERSATION_COMPLETE) {
        in->why.kind = FAILURE_NONE;
        if (in->wanted)
            (void)make_series(in, value, "the replies lack what is documented");
        return true;
    }
    in->state->unsettled |= turn == CONVERSATION_UNSETTLED;
    if (response_is_agents(kind) && kind != FAILURE_FROZEN)
        in->why.kind = FAILURE_NONE; /* the agent is well; it refused one step */
    return in->why.kind != FAILURE_NONE;
}

/* --- what it means --- */

static void
note_collector(const struct incoming *in)
{
    struct guest_collector *state = in->state;
    enum failure_kind kind = in->why.kind;

    state->asked = true;
    state->success = kind == FAILURE_NONE;
    state->failure = kind;
    guest_note_words(state, in->why.text);
    state->duration_ns = in->collector->next
                             ? state->conversation.duration_ns
                             : in->answer->received_mono_ns - in->answer->sent_mono_ns;
    if (state->success) {
        state->last_success_ns = in->answer->received_ns;
        state->status = COMMAND_ENABLED;
    } else if (kind == FAILURE_UNSUPPORTED || kind == FAILURE_DISABLED) {
        state->status = kind == FAILURE_DISABLED ? COMMAND_DISABLED : COMMAND_MISSING;
        state->series = 0;
        state->wants_more = false;
        in->verdict->series = SERIES_WITHDRAWN;
    }
    in->verdict->failed = !state->success && state->status != COMMAND_MISSING;
}

/* After a reply that does not parse, libvirt breaks the agent's channel for all its
 * clients.  The command that caused it is quarantined: this one, or the one before if
 * this call found the channel already broken. */
static void
quarantine(const struct incoming *in)
{
    bool whole = in->answer->channel == CALL_CHANNEL_WHOLE;
    size_t culprit = in->answer->channel == CALL_FOUND_CHANNEL_BROKEN
                         ? in->guest->last_collector
                         : in->index;

    in->guest->last_collector = whole ? in->index : SIZE_MAX;
    if (whole || culprit >= collectors_count ||
        in->guest->collectors[culprit].quarantined)
        return;
    in->guest->collectors[culprit].quarantined = true;
    in->guest->collectors[culprit].quarantined_ns = in->answer->received_mono_ns;
    in->verdict->broke_by = collectors[culprit]->command;
}

/* The command was refused, or it may be: a freeze and the administrator sound alike.
 * Whether the failure is this command's. */
static bool
follow_freeze(const struct incoming *in)
{
    struct freeze *freeze = &in->guest->freeze;
    int64_t at_ns = in->answer->received_mono_ns;
    enum failure_kind kind = in->why.kind;

    if (kind == FAILURE_NONE)
        freeze_worked(freeze, in->index);
    else if (in->collector == collector_freeze && response_is_agents(kind))
        freeze_learn_nothing(freeze, at_ns);
    else if (kind == FAILURE_DISABLED &&
             freeze_explain(freeze, in->index, at_ns) == FAILURE_FROZEN) {
        freeze_note_refusal(freeze, in->index, at_ns);
        return false;
    }
    return true;
}

/* Somebody else's work in the guest, a backup's say, is no failure of its own, unless
 * it has no end or the agent itself says that there is none. */
static bool
is_interrupted(struct incoming *in)
{
    struct interruption *interruption = &in->guest->interruption;
    int64_t at_ns = in->answer->received_mono_ns;
    enum failure_kind kind = in->why.kind;

    interruption_take(interruption, kind, in->collector == collector_freeze, at_ns);
    if (kind != FAILURE_FROZEN && kind != FAILURE_BUSY)
        return false;
    if (kind == FAILURE_FROZEN &&
        interruption_contradicts(interruption, &in->guest->freeze, at_ns)) {
        failure_set(&in->why, FAILURE_MALFORMED,
                    "the agent says that the guest is thawed, and refuses all else as "
                    "if it were frozen");
        return false;
    }
    return !interruption_is_too_long(interruption, at_ns);
}

/* `complete`: there is something to note of the collector. */
static enum failure_kind
judge(struct incoming *in, bool complete)
{
    struct guest *guest = in->guest;
    enum failure_kind kind = in->why.kind;

    /* Whatever becomes of a failure below, that reply has brought no series: the same
     * one again renews none. */
    if (kind != FAILURE_NONE)
        in->state->reply_hash = 0;
    guest->calls_total++;
    if (response_is_agents(kind) && in->answer->channel != CALL_FOUND_CHANNEL_BROKEN &&
        in->answer->received_ns != 0)
        guest->last_response_ns = in->answer->received_ns;
    if (!follow_freeze(in))
        return FAILURE_FROZEN;
    /* Where others use the agent too, to meet one says nothing of the guest. */
    if (kind == FAILURE_BUSY && guest->schedule.visited &&
        guest->schedule.occupied + 1 < SCHEDULE_OCCUPIED_MAX)
        return kind;
    bool interrupted = is_interrupted(in);

    kind = in->why.kind;
    guest->last_failure = in->why;
    guest->qemu_hangs = in->answer->qemu_hangs;
    if (interrupted)
        return kind;
    guest->failures_total[kind] += kind != FAILURE_NONE;
    guest->answered |= kind == FAILURE_NONE;
    if (in->wanted && complete)
        note_collector(in);
    return kind;
}

static void
take_answer(struct incoming *in)
{
    bool complete = true;

    in->wanted = in->rules->config->collectors[in->index].enabled;
    if (in->collector->next)
        complete = converse(in);
    else if (in->answer->reply)
        read_reply(in);
    in->verdict->outcome = judge(in, complete);
    quarantine(in);
}

/* To a call from before a release: what it has opened is to be closed, and
 * nothing else counts. */
static void
take_late_answer(struct incoming *in)
{
    if (in->state->conversation.open && in->state->conversation.awaited)
        (void)converse(in);
}

struct verdict
guest_answer(struct guest *guest, const struct schedule_turn *turn,
             const struct answer *answer, const struct answer_rules *rules,
             int64_t now_ns)
{
    struct verdict verdict = {.outcome = answer->failure.kind};
    struct incoming in = {
        .guest = guest,
        .index = turn->collector,
        .collector = collectors[turn->collector],
        .state = &guest->collectors[turn->collector],
        .answer = answer,
        .rules = rules,
        .why = answer->failure,
        .verdict = &verdict,
    };

    if (guest->gone)
        return verdict;
    verdict.changed = GUEST_COUNTS;
    if (turn->epoch == guest->schedule.epoch)
        take_answer(&in);
    else
        take_late_answer(&in);
    if (verdict.outcome != FAILURE_NONE)
        verdict.changed |= GUEST_HEALTH;
    verdict.goes_on = in.state->conversation.open;
    if (!guest->schedule.restricted || !guest->schedule.held)
        verdict.freeze =
            freeze_step(&guest->freeze, verdict.outcome, guest->schedule.restricted,
                        guest->last_failure.kind == FAILURE_FROZEN, now_ns);
    return verdict;
}
