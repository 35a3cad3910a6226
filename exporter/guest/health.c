/* Agent and collector health as samples. */
#include "guest/health.h"

#include "guest/avoid.h"
#include "guest/state.h"

#define GAUGE(variable, is_essential, metric_name, metric_help, ...)                   \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = (metric_help),                                                         \
        .type = METRIC_GAUGE,                                                          \
        .labels = {__VA_ARGS__},                                                       \
        .essential = (is_essential),                                                   \
    }
#define COLLECTOR_GAUGE(variable, is_detail, metric_name, metric_help)                 \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = (metric_help),                                                         \
        .type = METRIC_GAUGE,                                                          \
        .labels = {"collector"},                                                       \
        .detail = (is_detail),                                                         \
        .series = "1 per collector",                                                   \
    }

GAUGE(up, true, "qga_up",
      "Whether the guest agent answered the last call (1), for every running domain; "
      "absent until the guest was asked for the first time.",
      NULL);
GAUGE(agent_state, true, "qga_agent_state",
      "The present state of the guest agent, always 1: responsive, starting, "
      "unresponsive, disconnected, unconfigured, frozen, busy, paused, migrating, "
      "denied, malformed or unknown.",
      "state");
GAUGE(backing_off, false, "qga_agent_backing_off",
      "Whether the agent is only probed, less and less often, because it does not "
      "answer.",
      NULL);
GAUGE(consecutive_failures, false, "qga_agent_consecutive_failures",
      "Calls in a row that brought no usable answer.", NULL);
static const struct metric calls_total = {
    .name = "qga_agent_calls_total",
    .help = "Calls made to the guest agent.",
    .type = METRIC_COUNTER,
};
static const struct metric failures_total = {
    .name = "qga_agent_failures_total",
    .help =
        "Calls to the guest agent that failed, by reason; a reason appears with its "
        "first failure.",
    .type = METRIC_COUNTER,
    .labels = {"reason"},
    .series = "1 per reason that has occurred",
};
GAUGE(last_response, true, "qga_agent_last_response_timestamp_seconds",
      "When the agent last answered, an error of its own included (host clock).", NULL);
GAUGE(
    frozen_since, false, "qga_filesystems_frozen_since_timestamp_seconds",
    "When the exporter first saw the guest's filesystems frozen, in this freeze (host "
    "clock); absent while they are not.",
    NULL);
COLLECTOR_GAUGE(
    success, false, "qga_collector_success",
    "Whether the collector's last call brought data; absent until it was asked.");
COLLECTOR_GAUGE(
    duration, true, "qga_collector_duration_seconds",
    "How long the collector's last call took, waiting for the agent included.");
COLLECTOR_GAUGE(
    last_success, false, "qga_collector_last_success_timestamp_seconds",
    "When the collector last brought data: the age of its cached series (host clock).");
COLLECTOR_GAUGE(
    supported, false, "qga_collector_supported",
    "Whether the agent has the collector's command and allows it (guest-info); absent "
    "while that is not known.");
static const struct metric avoided = {
    .name = "qga_collector_avoided",
    .help = "Always 1: the collector's command is not sent to this guest, because its "
            "reply broke the agent's channel (quarantined), it may have left something "
            "open there (unsettled, until the agent starts anew), or it is known to do "
            "harm (harmful).",
    .type = METRIC_GAUGE,
    .labels = {"collector", "reason"},
    .series = "1 per collector that is avoided",
};
COLLECTOR_GAUGE(
    dropped, false, "qga_collector_dropped_series",
    "Series that the collector's last reply held beyond the limits, or twice, and "
    "parts of it that were not as documented; absent while there are none.");

const struct metric *const health_metrics[] = {
    &up,          &agent_state,    &backing_off,   &consecutive_failures,
    &calls_total, &failures_total, &last_response, &frozen_since,
    &success,     &duration,       &last_success,  &supported,
    &avoided,     &dropped,        NULL,
};

/* Whole microseconds: a double holds no more of a time since 1970, and base/text.c
 * writes them without a search for the shortest digits. */
static double
seconds(int64_t duration_ns)
{
    int64_t duration_us = duration_ns / 1000;

    return (double)duration_us / 1e6;
}

static void
collector_samples(const char *name, const struct guest_collector *collector,
                  struct samples *out)
{
    const char *why_avoided = guest_avoids_why(collector);

    if (collector->asked) {
        samples_add(out, &success, collector->success, LABELS(name));
        samples_add(out, &duration, seconds(collector->duration_ns), LABELS(name));
        if (collector->dropped > 0)
            samples_add(out, &dropped, (double)collector->dropped, LABELS(name));
    }
    if (why_avoided)
        samples_add(out, &avoided, 1, LABELS(name, why_avoided));
    if (collector->last_success_ns != 0)
        samples_add(out, &last_success, seconds(collector->last_success_ns),
                    LABELS(name));
    if (collector->status != COMMAND_UNKNOWN)
        samples_add(out, &supported, collector->status == COMMAND_ENABLED,
                    LABELS(name));
}

/* Nothing stands in the way of a first call: one that has not been made says nothing
 * against the agent. */
static bool
is_not_asked_yet(const struct guest *guest, enum agent_state state)
{
    return state == AGENT_UNKNOWN && guest_is_askable(guest) &&
           guest->calls_total == 0 && guest->last_failure.kind == FAILURE_NONE;
}

void
health_samples(const struct guest *guest, enum agent_state state, bool is_backing_off,
               const bool *enabled, struct samples *out)
{
    bool is_up = state == AGENT_RESPONSIVE || state == AGENT_FROZEN ||
                 (state == AGENT_BUSY && guest->answered);

    if (!is_not_asked_yet(guest, state))
        samples_add(out, &up, is_up, NO_LABELS);
    samples_add(out, &agent_state, 1, LABELS(agent_state_names[state]));
    samples_add(out, &backing_off, is_backing_off, NO_LABELS);
    samples_add(out, &consecutive_failures, guest->schedule.failures, NO_LABELS);
    samples_add(out, &calls_total, (double)guest->calls_total, NO_LABELS);
    for (int kind = FAILURE_NONE + 1; kind < FAILURE_KINDS; kind++) {
        if (guest->failures_total[kind] > 0)
            samples_add(out, &failures_total, (double)guest->failures_total[kind],
                        LABELS(failure_kind_name((enum failure_kind)kind)));
    }
    if (guest->last_response_ns != 0)
        samples_add(out, &last_response, seconds(guest->last_response_ns), NO_LABELS);
    if (guest->freeze.frozen)
        samples_add(out, &frozen_since, seconds(guest->frozen_since_ns), NO_LABELS);
    for (size_t i = 0; i < collectors_count; i++) {
        if (enabled[i])
            collector_samples(collectors[i]->name, &guest->collectors[i], out);
    }
}
