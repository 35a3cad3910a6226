/* Collector clock: guest-get-time, compared with the host's clock around the call.
 *
 * The guest read its clock somewhere between sending and receiving, so the offset
 * against the midpoint is wrong by half the round trip at most.  A call that waited
 * (for another user of the agent, for a busy guest) says little; so the last samples
 * are kept, and of them the one with the smallest error counts: half its round trip,
 * plus what the clocks may have drifted apart since. */
#include "collector.h"
#include "guest_json.h"

#define KEPT_SAMPLES 8
/* Older samples are forgotten. */
#define KEPT_NS (INT64_C(300) * 1000 * 1000 * 1000)
/* How fast two clocks drift apart that nobody disciplines: a bad crystal.  A clock that
 * is being slewed faster is found out when its samples contradict each other. */
#define DRIFT_PPM 100
/* Agents on POSIX and GLib read the clock in steps of a microsecond, and cut. */
#define GRANULARITY_NS 1000
/* A longer call says nothing (a lane is held for 40 s at worst). */
#define SPAN_MAX_NS (INT64_C(60) * 1000 * 1000 * 1000)
/* The two host clocks run together within this over one call, or one was stepped. */
#define HOST_STEP_NS (INT64_C(1000) * 1000)

static const struct metric clock_offset = {
    .name = "qga_clock_offset_seconds",
    .help = "How far the guest's clock is ahead of the host's (guest-get-time less the "
            "middle of the call; of the last samples the one with the smallest error, "
            "cached).",
    .type = METRIC_GAUGE,
};
static const struct metric clock_uncertainty = {
    .name = "qga_clock_offset_uncertainty_seconds",
    .help = "How much qga_clock_offset_seconds may be wrong either way: half the round "
            "trip of its guest-get-time call, and the drift since (cached).",
    .type = METRIC_GAUGE,
};
static const struct metric *const clock_metrics[] = {
    &clock_offset,
    &clock_uncertainty,
    NULL,
};

struct clock_sample {
    int64_t at_ns; /* CLOCK_REALTIME of the host, the middle of the call */
    int64_t offset_ns;
    int64_t uncertainty_ns;
};

/* Zeroed by the caller when the guest or its agent starts anew. */
struct clock_memory {
    size_t count;
    struct clock_sample samples[KEPT_SAMPLES]; /* oldest first */
};

/* The error of a sample that is `age_ns` old. */
static int64_t
clock_error_ns(const struct clock_sample *sample, int64_t now_ns)
{
    int64_t age_ns = now_ns - sample->at_ns;
    return sample->uncertainty_ns + age_ns / 1000000 * DRIFT_PPM;
}

/* Whether two samples cannot be of the same pair of clocks: one was stepped (guest or
 * host), or slewed fast. */
static bool
clock_contradicts(const struct clock_sample *old, const struct clock_sample *latest)
{
    int64_t distance_ns;
    if (__builtin_sub_overflow(latest->offset_ns, old->offset_ns, &distance_ns) ||
        distance_ns == INT64_MIN)
        return true;
    if (distance_ns < 0)
        distance_ns = -distance_ns;
    return distance_ns > clock_error_ns(old, latest->at_ns) + latest->uncertainty_ns;
}

/* Forgets what is too old, from the future (the host's clock was set back), or
 * contradicted; then adds the new one. */
static void
clock_remember(struct clock_memory *memory, const struct clock_sample *latest)
{
    size_t kept = 0;
    for (size_t i = 0; i < memory->count; i++) {
        const struct clock_sample *old = &memory->samples[i];
        if (old->at_ns <= latest->at_ns && latest->at_ns - old->at_ns <= KEPT_NS)
            memory->samples[kept++] = *old;
    }
    for (size_t i = 0; i < kept; i++)
        if (clock_contradicts(&memory->samples[i], latest))
            kept = 0; /* all of them: they told of the clock before the step */

    if (kept == KEPT_SAMPLES) {
        kept--;
        for (size_t i = 0; i < kept; i++)
            memory->samples[i] = memory->samples[i + 1];
    }
    memory->samples[kept] = *latest;
    memory->count = kept + 1;
}

/* How long the call took by the slower of the host's two clocks; -1 if they differ so
 * much that the host's clock must have been stepped meanwhile, or make no sense. */
static int64_t
clock_span_ns(const struct exchange *when)
{
    int64_t span_ns, difference_ns;
    if (when->sent_ns < 0 || when->round_trip_ns < 0 ||
        __builtin_sub_overflow(when->received_ns, when->sent_ns, &span_ns) ||
        __builtin_sub_overflow(span_ns, when->round_trip_ns, &difference_ns))
        return -1;
    if (difference_ns > HOST_STEP_NS || difference_ns < -HOST_STEP_NS ||
        when->round_trip_ns > SPAN_MAX_NS)
        return -1;
    return span_ns > when->round_trip_ns ? span_ns : when->round_trip_ns;
}

static void
clock_publish(const struct clock_memory *memory, int64_t now_ns, struct samples *out)
{
    const struct clock_sample *best = &memory->samples[0];
    for (size_t i = 1; i < memory->count; i++)
        if (clock_error_ns(&memory->samples[i], now_ns) <= clock_error_ns(best, now_ns))
            best = &memory->samples[i];
    samples_add(out, &clock_offset, (double)best->offset_ns / 1e9, NO_LABELS);
    samples_add(out, &clock_uncertainty, (double)clock_error_ns(best, now_ns) / 1e9,
                NO_LABELS);
}

static int
clock_parse(const json_t *reply, const struct exchange *when, struct samples *out,
            struct failure *why)
{
    struct guest_json root;
    int64_t guest_ns;
    guest_json_root(&root, reply, why);
    if (!guest_json_as_int64(&root, &guest_ns))
        return guest_json_result(&root);

    struct clock_memory *memory = when->memory;
    int64_t span_ns = clock_span_ns(when);
    if (span_ns < 0) {
        /* What is kept was measured against the clock before the step. */
        memory->count = 0;
        return 0;
    }

    struct clock_sample latest = {
        .at_ns = when->sent_ns + (when->received_ns - when->sent_ns) / 2,
        .uncertainty_ns = span_ns / 2 + GRANULARITY_NS,
    };
    if (__builtin_sub_overflow(guest_ns, latest.at_ns, &latest.offset_ns)) {
        failure_set(why, FAILURE_MALFORMED, "return: a time expected, %lld ns found",
                    (long long)guest_ns);
        return -1;
    }
    clock_remember(memory, &latest);
    clock_publish(memory, latest.at_ns, out);
    return 0;
}

const struct collector clock_collector = {
    .name = "clock",
    .help = "how far the guest's clock is from the host's, and how sure that is",
    .command = "guest-get-time",
    .since = "1.5",
    .series = "2",
    .default_interval_s = 15,
    .metrics = clock_metrics,
    .memory_bytes = sizeof(struct clock_memory),
    .parse = clock_parse,
};
