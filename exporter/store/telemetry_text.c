/* The exporter's own metrics, as tables and as text. */
#include "store/telemetry_text.h"

#include "store/exposition.h"
#include "store/process.h"
#include "store/telemetry_inside.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static const struct metric build_info = {
    .name = "qga_exporter_build_info",
    .help = "A constant 1, labeled by what this exporter was built from and with.",
    .labels = {"version", "revision", "branch", "compiler"},
};
static const struct metric calls = {
    .name = "qga_exporter_calls_total",
    .type = METRIC_COUNTER,
    .help = "Calls to guest agents, by command and by outcome (ok, or why there was no "
            "answer).",
    .labels = {"command", "outcome"},
};
static const struct metric call_duration = {
    .name = "qga_exporter_call_duration_seconds",
    .type = METRIC_HISTOGRAM,
    .help = "Time from sending a call to a guest agent to its answer or failure, with "
            "the time spent waiting inside libvirt.",
    .labels = {"command"},
};
static const struct metric call_duration_bucket = {
    .name = "qga_exporter_call_duration_seconds",
    .type = METRIC_HISTOGRAM,
    .labels = {"command", "le"},
};
static const struct metric schedule_lateness = {
    .name = "qga_exporter_schedule_lateness_seconds",
    .type = METRIC_HISTOGRAM,
    .help = "How long after its due time a visit to a guest began.",
};
static const struct metric schedule_lateness_bucket = {
    .name = "qga_exporter_schedule_lateness_seconds",
    .type = METRIC_HISTOGRAM,
    .labels = {"le"},
};
static const struct metric guests = {
    .name = "qga_exporter_guests",
    .help = "Guests that the exporter knows, by the state of their agent.",
    .labels = {"state"},
};
static const struct metric name_conflicts = {
    .name = "qga_exporter_guest_name_conflicts_total",
    .type = METRIC_COUNTER,
    .help =
        "Guests found with the name of another guest of the same source, whose label "
        "`domain` got a suffix, like web~2.",
};
static const struct metric scrapes = {
    .name = "qga_exporter_scrapes_total",
    .type = METRIC_COUNTER,
    .help = "Answers to HTTP requests for the telemetry path, by status code; other "
            "paths are not counted.",
    .labels = {"code"},
};
static const struct metric scrape_body_bytes = {
    .name = "qga_exporter_scrape_body_bytes_total",
    .type = METRIC_COUNTER,
    .help = "Bytes of the bodies given to those answers.",
};
static const struct metric paused_metric = {
    .name = "qga_exporter_paused",
    .help = "Whether the exporter is paused (SIGUSR1, or the config) and asks no guest "
            "anything.",
    .type = METRIC_GAUGE,
};
static const struct metric last_turn = {
    .name = "qga_exporter_loop_last_turn_timestamp_seconds",
    .help = "When the main loop, which asks the guests, last took its turn, one each "
            "second (host clock).",
};
static const struct metric reload_successful = {
    .name = "qga_exporter_config_last_reload_successful",
    .help = "Whether the last attempts to load the configuration, and that of the web, "
            "succeeded.",
};
static const struct metric reload_timestamp = {
    .name = "qga_exporter_config_last_reload_success_timestamp_seconds",
    .help = "When the configuration was last loaded with success.",
};
static const struct metric source_up = {
    .name = "qga_exporter_source_up",
    .help = "Whether the source of guests (libvirt, socket directory) is connected.",
    .labels = {"source"},
};
static const struct metric lanes = {
    .name = "qga_exporter_lanes",
    .help = "Lanes of the source: the calls it can have in flight at once.",
    .labels = {"source"},
};
static const struct metric lanes_in_use = {
    .name = "qga_exporter_lanes_in_use",
    .help = "Lanes of the source with a call in flight.",
    .labels = {"source"},
};
static const struct metric lanes_abandoned = {
    .name = "qga_exporter_lanes_abandoned_total",
    .type = METRIC_COUNTER,
    .help =
        "Lanes given up and replaced because their call, or what they asked the daemon "
        "of its domains, did not come back.",
    .labels = {"source"},
};
static const struct metric sockets_beyond = {
    .name = "qga_exporter_sockets_beyond_limit",
    .type = METRIC_GAUGE,
    .help =
        "Sockets that fit the source's pattern and are left alone, because there are "
        "more than 16384.",
    .labels = {"source"},
};
static const struct metric balloons_silent = {
    .name = "qga_exporter_guests_without_balloon_statistics",
    .type = METRIC_GAUGE,
    .help = "Guests of the source whose memory libvirt does not have: no balloon, no "
            "driver for it, or no period in which libvirt asks for it.",
    .labels = {"source"},
};

static const struct metric *const source_families[FIGURES] = {
    [FIGURE_UP] = &source_up,
    [FIGURE_LANES] = &lanes,
    [FIGURE_LANES_IN_USE] = &lanes_in_use,
    [FIGURE_LANES_ABANDONED] = &lanes_abandoned,
    [FIGURE_SOCKETS_BEYOND] = &sockets_beyond,
    [FIGURE_BALLOONS_SILENT] = &balloons_silent,
};
static const struct metric *const own_families[] = {&build_info,
                                                    &source_up,
                                                    &lanes,
                                                    &lanes_in_use,
                                                    &lanes_abandoned,
                                                    &sockets_beyond,
                                                    &balloons_silent,
                                                    &guests,
                                                    &name_conflicts,
                                                    &calls,
                                                    &call_duration,
                                                    &schedule_lateness,
                                                    &scrapes,
                                                    &scrape_body_bytes,
                                                    &paused_metric,
                                                    &last_turn,
                                                    &reload_successful,
                                                    &reload_timestamp,
                                                    NULL};

const char *
telemetry_version(void)
{
    return QGA_VERSION;
}

static double
in_seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void
write_build_info(struct fragment_writer *out)
{
    const char *const labels[] = {QGA_VERSION, QGA_REVISION, QGA_BRANCH, COMPILER};

    fragment_family(out, &build_info);
    exposition_line(&out->text, &build_info, "", "", labels, 1);
}

/* `label` is the one before le, or NULL for none. */
static void
write_histogram(struct fragment_writer *out, const struct metric *metric,
                const struct metric *bucket_metric, const char *label,
                struct telemetry_histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= TELEMETRY_BOUNDS; i++) {
        const char *labels[] = {label,
                                i < TELEMETRY_BOUNDS ? telemetry_bounds[i].le : "+Inf"};

        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        exposition_line(&out->text, bucket_metric, "_bucket", "", labels + (!label),
                        (double)count);
    }
    int64_t sum_ns =
        (int64_t)atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
    exposition_line(&out->text, metric, "_sum", "", &label, in_seconds(sum_ns));
    exposition_line(&out->text, metric, "_count", "", &label, (double)count);
}

static void
write_calls(struct telemetry *telemetry, struct fragment_writer *out)
{
    fragment_family(out, &calls);
    for (size_t i = 0; i < telemetry->commands_count; i++) {
        struct telemetry_command *command = &telemetry->commands[i];

        for (size_t kind = 0; kind < FAILURE_KINDS; kind++) {
            uint64_t count = atomic_load(&command->outcomes[kind]);
            const char *const labels[] = {
                command->name, kind == FAILURE_NONE
                                   ? "ok"
                                   : failure_kind_name((enum failure_kind)kind)};

            if (count > 0 || kind == FAILURE_NONE)
                exposition_line(&out->text, &calls, "", "", labels, (double)count);
        }
    }
    fragment_family(out, &call_duration);
    for (size_t i = 0; i < telemetry->commands_count; i++)
        write_histogram(out, &call_duration, &call_duration_bucket,
                        telemetry->commands[i].name, &telemetry->commands[i].duration);
}

static void
write_guests(struct telemetry *telemetry, struct fragment_writer *out)
{
    fragment_family(out, &guests);
    for (size_t i = 0; telemetry->states[i]; i++)
        exposition_line(&out->text, &guests, "", "", &telemetry->states[i],
                        (double)atomic_load(&telemetry->guests[i]));
}

static void
write_scrapes(struct telemetry *telemetry, struct fragment_writer *out)
{
    fragment_family(out, &scrapes);
    for (size_t i = 0; i < TELEMETRY_CODES; i++) {
        uint64_t count = atomic_load(&telemetry->scrapes[i]);

        if (telemetry_codes[i].status != 0 || count > 0)
            exposition_line(&out->text, &scrapes, "", "", &telemetry_codes[i].code,
                            (double)count);
    }
    fragment_single(out, &scrape_body_bytes,
                    (double)atomic_load(&telemetry->scrape_bytes));
}

static void
write_reload(struct telemetry *telemetry, struct fragment_writer *out)
{
    fragment_single(out, &paused_metric, atomic_load(&telemetry->paused) ? 1 : 0);
    fragment_single(out, &last_turn,
                    in_seconds(atomic_load(&telemetry->turn_realtime_ns)));
    fragment_single(out, &reload_successful,
                    atomic_load(&telemetry->reload_successful) &&
                            atomic_load(&telemetry->web_reload_successful)
                        ? 1
                        : 0);
    fragment_single(out, &reload_timestamp,
                    in_seconds(atomic_load(&telemetry->reload_realtime_ns)));
}

static void
write_sources(struct telemetry *telemetry, struct fragment_writer *out,
              enum telemetry_figure figure)
{
    const struct metric *metric = source_families[figure];
    bool started = false;

    for (size_t i = 0; i < TELEMETRY_SOURCES_MAX; i++) {
        struct telemetry_source *source = &telemetry->sources[i];
        const char *name = atomic_load(&source->name);

        if (!name || !atomic_load(&source->figures[figure].told))
            continue;
        if (!started)
            fragment_family(out, metric);
        started = true;
        exposition_line(&out->text, metric, "", "", &name,
                        (double)atomic_load(&source->figures[figure].value));
    }
}

static void
write_own(void *context, struct fragment_writer *out)
{
    struct telemetry *telemetry = context;

    write_build_info(out);
    for (int figure = 0; figure < FIGURES; figure++)
        write_sources(telemetry, out, (enum telemetry_figure)figure);
    write_guests(telemetry, out);
    fragment_single(out, &name_conflicts,
                    (double)atomic_load(&telemetry->name_conflicts));
    write_calls(telemetry, out);
    fragment_family(out, &schedule_lateness);
    write_histogram(out, &schedule_lateness, &schedule_lateness_bucket, NULL,
                    &telemetry->lateness);
    write_scrapes(telemetry, out);
    write_reload(telemetry, out);
}

static void
write_host(void *context, struct fragment_writer *out)
{
    (void)context;
    host_clock_write(out);
}

static void
write_process(void *context, struct fragment_writer *out)
{
    const struct telemetry *telemetry = context;

    process_write(out, telemetry->start_realtime_ns);
}

const struct store_part telemetry_parts[TELEMETRY_PARTS] = {
    {"host", host_clock_families, write_host},
    {"exporter", own_families, write_own},
    {"process", process_families, write_process},
};
