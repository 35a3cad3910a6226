/* Collector clock: guest-get-time, compared with the host's clock around the call.
 *
 * The guest read its clock somewhere between sending and receiving, so the offset
 * against the midpoint is wrong by half the round trip at most.  A call that waited
 * (for another user of the agent, for a busy guest) says little; so the last samples
 * are kept, and of them the one with the smallest error counts: half its round trip,
 * plus what the clocks may have drifted apart since.
 *
 * The drift is the slope of a line through the best sample of each minute of the last
 * hour, each weighted by its error.  Because every sample has a hard limit of its
 * error, so has the slope.  A history that no line fits within these limits is of a
 * clock that has changed its rate: its older half is forgotten.
 *
 * Samples that are further apart than any slewing could have brought the clocks are of
 * before and after a step. */
#include "collector.h"
#include "kit/guest_json.h"

#include <string.h>

#define KEPT_SAMPLES 8
/* Older samples are dropped. */
#define KEPT_NS (INT64_C(300) * 1000 * 1000 * 1000)
/* How fast two clocks drift apart at most while their drift is not known: as fast as
 * NTP slews.  Once it is known, by that much, and a little for its changes. */
#define UNKNOWN_DRIFT_PPM 500
#define DRIFT_CHANGE_PPM 15
/* A faster change is not drift: the clock was stepped, or chrony slews it quickly. */
#define STEP_PPM 1000
#define STEP_PPM_TEXT "1000 ppm"
/* The history of the drift: the best sample of each minute. */
#define HISTORY_SAMPLES 64
#define HISTORY_SLOT_NS (INT64_C(60) * 1000 * 1000 * 1000)
#define HISTORY_KEPT_NS (INT64_C(4) * 3600 * 1000 * 1000 * 1000)
/* A drift is published from so many samples over so long a time with so small an error
 * on: with calls of 2 ms that is 5 ppm after ten minutes. */
#define DRIFT_SAMPLES_MIN 5
#define DRIFT_SPAN_S_MIN 600
#define DRIFT_ERROR_MAX 50e-6
/* Agents on POSIX and GLib read the clock in steps of a microsecond, and cut.  That of
 * Windows stands still between two ticks, 64 in a second unless some program wants
 * more. */
#define GRANULARITY_NS 1000
#define WINDOWS_TICK_NS 15625000
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
    .essential = true,
};
static const struct metric clock_uncertainty = {
    .name = "qga_clock_offset_uncertainty_seconds",
    .help = "How much qga_clock_offset_seconds may be wrong either way: half the round "
            "trip of its guest-get-time call, on Windows 15.6 ms more (a tick of its "
            "clock), and the drift since (cached).",
    .type = METRIC_GAUGE,
    .essential = true,
};
static const struct metric clock_drift = {
    .name = "qga_clock_drift_ratio",
    .help =
        "Seconds that the guest's clock gains on the host's in a second "
        "(guest-get-time, slope of the best samples of the last hour, cached); from "
        "10 minutes of steady samples on, if its uncertainty is 50 ppm at most.",
    .type = METRIC_GAUGE,
};
static const struct metric clock_drift_uncertainty = {
    .name = "qga_clock_drift_uncertainty_ratio",
    .help = "How much qga_clock_drift_ratio may be wrong either way, from the "
            "uncertainty of its samples (guest-get-time, cached).",
    .type = METRIC_GAUGE,
};
static const struct metric clock_steps = {
    .name = "qga_clock_steps_total",
    .help = "Steps of the guest's clock against the host's (guest-get-time, further "
            "from the samples before than their uncertainty and " STEP_PPM_TEXT
            " allow, cached), since the agent was first heard. If all guests step at "
            "once, the host did.",
    .type = METRIC_COUNTER,
};
static const struct metric *const clock_metrics[] = {
    &clock_offset, &clock_uncertainty,
    &clock_drift,  &clock_drift_uncertainty,
    &clock_steps,  NULL,
};

struct clock_sample {
    int64_t at_ns; /* CLOCK_REALTIME of the host, the middle of the call */
    int64_t offset_ns;
    int64_t uncertainty_ns;
};

/* Zeroed by the caller when the guest or its agent restarts. */
struct clock_memory {
    size_t count;
    struct clock_sample samples[KEPT_SAMPLES]; /* oldest first */
    size_t history_count;
    struct clock_sample history[HISTORY_SAMPLES]; /* likewise */
    uint64_t steps;
    int64_t granularity_ns; /* of the guest's clock, when it was last read */
    bool drift_known;
    double drift, drift_error;
};

static void
clock_forget(struct clock_memory *memory)
{
    memory->count = 0;
    memory->history_count = 0;
    memory->drift_known = false;
}

/* What the clocks may drift apart, as it is known. */
static int64_t
clock_drift_ppm(const struct clock_memory *memory)
{
    if (!memory->drift_known)
        return UNKNOWN_DRIFT_PPM;
    double drift = memory->drift < 0 ? -memory->drift : memory->drift;
    double ppm = (drift + memory->drift_error) * 1e6 + DRIFT_CHANGE_PPM;
    return ppm < STEP_PPM ? (int64_t)ppm : STEP_PPM;
}

/* The error of a sample at a later time. */
static int64_t
clock_error_ns(const struct clock_sample *sample, int64_t now_ns, int64_t drift_ppm)
{
    int64_t age_ns = now_ns - sample->at_ns;

    return sample->uncertainty_ns + age_ns / 1000000 * drift_ppm;
}

/* Whether two samples cannot be of the same pair of clocks that drift no faster than
 * this. */
static bool
clock_contradicts(const struct clock_sample *old, const struct clock_sample *latest,
                  int64_t drift_ppm)
{
    int64_t distance_ns;

    if (__builtin_sub_overflow(latest->offset_ns, old->offset_ns, &distance_ns) ||
        distance_ns == INT64_MIN)
        return true;
    if (distance_ns < 0)
        distance_ns = -distance_ns;
    return distance_ns >
           clock_error_ns(old, latest->at_ns, drift_ppm) + latest->uncertainty_ns;
}

/* Keeps those that are not from the future (the host's clock was set back) and not too
 * old; returns how many. */
static size_t
clock_forget_old(struct clock_sample *samples, size_t count, int64_t now_ns,
                 int64_t kept_ns)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (samples[i].at_ns <= now_ns && now_ns - samples[i].at_ns <= kept_ns)
            samples[kept++] = samples[i];
    return kept;
}

static void
clock_append(struct clock_sample *samples, size_t *count, size_t count_max,
             const struct clock_sample *latest)
{
    if (*count == count_max) {
        *count -= 1;
        for (size_t i = 0; i < *count; i++)
            samples[i] = samples[i + 1];
    }
    samples[*count] = *latest;
    *count += 1;
}

/* Forgets what is too old or contradicted, all of it if there was a step; then adds the
 * new one. */
static void
clock_remember(struct clock_memory *memory, const struct clock_sample *latest)
{
    int64_t drift_ppm = clock_drift_ppm(memory);
    size_t kept =
        clock_forget_old(memory->samples, memory->count, latest->at_ns, KEPT_NS);

    memory->history_count = clock_forget_old(memory->history, memory->history_count,
                                             latest->at_ns, HISTORY_KEPT_NS);

    bool is_step = memory->history_count > 0 &&
                   clock_contradicts(&memory->history[memory->history_count - 1],
                                     latest, STEP_PPM);
    bool is_contradicted = false;
    for (size_t i = 0; i < kept; i++) {
        is_contradicted |= clock_contradicts(&memory->samples[i], latest, drift_ppm);
        is_step |= clock_contradicts(&memory->samples[i], latest, STEP_PPM);
    }
    if (is_step) {
        memory->steps++;
        memory->history_count = 0;
    }
    memory->count = is_contradicted || is_step ? 0 : kept;
    clock_append(memory->samples, &memory->count, KEPT_SAMPLES, latest);
}

/* One sample a slot, the best. */
static void
clock_remember_history(struct clock_memory *memory, const struct clock_sample *latest)
{
    struct clock_sample *last =
        memory->history_count > 0 ? &memory->history[memory->history_count - 1] : NULL;

    if (!last || last->at_ns / HISTORY_SLOT_NS != latest->at_ns / HISTORY_SLOT_NS)
        clock_append(memory->history, &memory->history_count, HISTORY_SAMPLES, latest);
    else if (latest->uncertainty_ns <= last->uncertainty_ns)
        *last = *latest;
}

/* The line of least squares through samples, and how far off it may be: all in seconds
 * after the first sample. */
struct clock_line {
    double middle, height; /* it goes through this point */
    double slope;
    double height_error, slope_error;
};

struct clock_point {
    double at, offset, error;
};

static struct clock_point
clock_point(const struct clock_sample *samples, size_t index)
{
    /* After a step there is no history, so the differences are small. */
    return (struct clock_point){
        .at = (double)(samples[index].at_ns - samples[0].at_ns) / 1e9,
        .offset = (double)(samples[index].offset_ns - samples[0].offset_ns) / 1e9,
        .error = (double)samples[index].uncertainty_ns / 1e9,
    };
}

/* Weights are 1 / error^2.  Height and slope are sums of the offsets times factors, so
 * their errors are at most the sums of the errors times these factors. */
static struct clock_line
clock_fit(const struct clock_sample *samples, size_t count)
{
    struct clock_line line = {0};
    double weights = 0, errors = 0, squares = 0;

    for (size_t i = 0; i < count; i++) {
        struct clock_point point = clock_point(samples, i);
        double weight = 1 / (point.error * point.error);

        weights += weight;
        errors += weight * point.error;
        line.middle += weight * point.at;
        line.height += weight * point.offset;
    }
    line.middle /= weights;
    line.height /= weights;
    line.height_error = errors / weights;
    for (size_t i = 0; i < count; i++) {
        struct clock_point point = clock_point(samples, i);
        double distance = point.at - line.middle;
        double lever = distance / (point.error * point.error);

        squares += lever * distance;
        line.slope += lever * point.offset;
        line.slope_error += (lever < 0 ? -lever : lever) * point.error;
    }
    line.slope /= squares;
    line.slope_error /= squares;
    return line;
}

/* Whether all samples may be of clocks that drift apart steadily, as the line says. */
static bool
clock_is_steady(const struct clock_sample *samples, size_t count,
                const struct clock_line *line)
{
    for (size_t i = 0; i < count; i++) {
        struct clock_point point = clock_point(samples, i);
        double distance = point.at - line->middle;
        double miss = point.offset - line->height - line->slope * distance;
        double allowed = point.error + line->height_error +
                         line->slope_error * (distance < 0 ? -distance : distance);

        if (miss > allowed || miss < -allowed)
            return false;
    }
    return true;
}

static void
clock_learn_drift(struct clock_memory *memory)
{
    memory->drift_known = false;
    while (memory->history_count >= DRIFT_SAMPLES_MIN) {
        size_t count = memory->history_count;
        struct clock_sample *history = memory->history;

        if (clock_point(history, count - 1).at < DRIFT_SPAN_S_MIN)
            return;
        struct clock_line line = clock_fit(history, count);
        if (clock_is_steady(history, count, &line)) {
            memory->drift = line.slope;
            memory->drift_error = line.slope_error;
            memory->drift_known = line.slope_error <= DRIFT_ERROR_MAX;
            return;
        }
        memory->history_count = count - count / 2;
        for (size_t i = 0; i < memory->history_count; i++)
            history[i] = history[count / 2 + i];
    }
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

static int64_t
clock_granularity_ns(const char *os)
{
    return os && strcmp(os, "mswindows") == 0 ? WINDOWS_TICK_NS : GRANULARITY_NS;
}

static void
clock_publish(const struct clock_memory *memory, int64_t now_ns, struct samples *out)
{
    int64_t drift_ppm = clock_drift_ppm(memory), error_ns = INT64_MAX;
    const struct clock_sample *best = NULL;

    for (size_t i = 0; i < memory->count; i++) {
        int64_t its_ns = clock_error_ns(&memory->samples[i], now_ns, drift_ppm);

        if (its_ns > error_ns)
            continue;
        best = &memory->samples[i];
        error_ns = its_ns;
    }
    if (!best)
        return;
    samples_add(out, &clock_offset, (double)best->offset_ns / 1e9, NO_LABELS);
    samples_add(out, &clock_uncertainty, (double)error_ns / 1e9, NO_LABELS);
    if (memory->drift_known) {
        samples_add(out, &clock_drift, memory->drift, NO_LABELS);
        samples_add(out, &clock_drift_uncertainty, memory->drift_error, NO_LABELS);
    }
    samples_add(out, &clock_steps, (double)memory->steps, NO_LABELS);
}

static int
clock_parse(const json_t *reply, const struct exchange *when, struct samples *out,
            struct failure *why)
{
    struct guest_json root;
    int64_t guest_ns;

    guest_json_root(&root, reply, why);
    if (!guest_json_as_int64(&root, &guest_ns))
        return guest_json_result(&root, out);

    struct clock_memory *memory = when->memory;
    int64_t span_ns = clock_span_ns(when);
    if (span_ns < 0) {
        /* What is kept was measured against the clock before the step. */
        clock_forget(memory);
        return 0;
    }

    int64_t granularity_ns = clock_granularity_ns(when->os);
    if (granularity_ns != memory->granularity_ns)
        clock_forget(memory); /* the errors of its samples are not as they say */
    memory->granularity_ns = granularity_ns;
    struct clock_sample latest = {
        .at_ns = when->sent_ns + (when->received_ns - when->sent_ns) / 2,
        .uncertainty_ns = span_ns / 2 + granularity_ns,
    };
    if (__builtin_sub_overflow(guest_ns, latest.at_ns, &latest.offset_ns)) {
        failure_set(why, FAILURE_WRONG_SHAPE, "return: a time expected, %lld ns found",
                    (long long)guest_ns);
        return -1;
    }
    clock_remember(memory, &latest);
    clock_remember_history(memory, &latest);
    clock_learn_drift(memory);
    clock_publish(memory, latest.at_ns, out);
    return 0;
}

const struct collector clock_collector = {
    .name = "clock",
    .help = "how far the guest's clock is from the host's, its drift and its steps",
    .command = "guest-get-time",
    .since = "1.5",
    .series = "5",
    .default_interval_s = 15,
    .metrics = clock_metrics,
    .memory_bytes = sizeof(struct clock_memory),
    .parse = clock_parse,
};
