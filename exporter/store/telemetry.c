/* The exporter's own metrics: owns the counters, reads the process and the host's clock
 * when it is asked to write. */
#include "store/telemetry.h"

#include "kit/memory.h"
#include "store/exposition.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND INT64_C(1000000000)

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* From a call on an idle host to the longest that libvirt waits for a lock and an agent
 * together. */
static const struct {
    int64_t ns;
    const char *le;
} bounds[] = {
    {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
    {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
    {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"}, {5000000000, "5"},
    {10000000000, "10"}, {40000000000, "40"},
};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

/* The web answers the telemetry path with these; the last takes what is not listed. */
static const struct {
    unsigned int status;
    const char *code;
} codes[] = {{200, "200"}, {401, "401"}, {405, "405"}, {413, "413"}, {0, "other"}};
#define CODES (sizeof(codes) / sizeof(codes[0]))

struct histogram {
    atomic_uint_fast64_t buckets[BOUNDS + 1]; /* not cumulative; the last is +Inf */
    atomic_uint_fast64_t sum_ns;
};

struct command {
    const char *name;
    size_t row; /* of the first command with this name */
    atomic_uint_fast64_t outcomes[FAILURE_KINDS];
    struct histogram duration;
};

/* Kept for good once it was seen, because a writer may be reading it. */
struct source_name {
    struct source_name *next;
    char *name;
};

struct source {
    _Atomic(const char *) name; /* NULL: the row is free */
    atomic_bool up, has_lanes, has_sockets;
    atomic_size_t lanes, lanes_in_use;
    atomic_uint_fast64_t lanes_abandoned;
    atomic_size_t sockets_beyond;
};

struct telemetry {
    struct command *commands;
    size_t commands_count;
    const char *const *states;
    atomic_size_t *guests; /* by state */
    struct histogram lateness;
    atomic_uint_fast64_t name_conflicts;
    atomic_uint_fast64_t scrapes[CODES];
    atomic_uint_fast64_t scrape_bytes;
    atomic_bool reload_successful, web_reload_successful;
    atomic_bool paused;
    atomic_int_fast64_t reload_realtime_ns;
    struct source sources[TELEMETRY_SOURCES_MAX];
    struct source_name *source_names;
    int64_t start_realtime_ns;
};

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
    .help = "Lanes given up and replaced because their call did not come back.",
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
static const struct metric clock_synchronized = {
    .name = "qga_host_clock_synchronized",
    .help = "Whether the host's clock is disciplined: its maximum error is below the "
            "kernel's limit of 16 s (adjtimex maxerror).",
};
static const struct metric clock_max_error = {
    .name = "qga_host_clock_max_error_seconds",
    .help = "Maximum error of the host's clock; grows while nothing disciplines it, up "
            "to 16 s (adjtimex maxerror).",
};
static const struct metric process_cpu = {
    .name = "process_cpu_seconds_total",
    .type = METRIC_COUNTER,
    .help = "Total user and system CPU time spent in seconds.",
};
static const struct metric process_open_fds = {
    .name = "process_open_fds", .help = "Number of open file descriptors."};
static const struct metric process_max_fds = {
    .name = "process_max_fds", .help = "Maximum number of open file descriptors."};
static const struct metric process_virtual = {.name = "process_virtual_memory_bytes",
                                              .help = "Virtual memory size in bytes."};
static const struct metric process_virtual_max = {
    .name = "process_virtual_memory_max_bytes",
    .help = "Maximum amount of virtual memory available in bytes."};
static const struct metric process_resident = {
    .name = "process_resident_memory_bytes", .help = "Resident memory size in bytes."};
static const struct metric process_start = {
    .name = "process_start_time_seconds",
    .help = "Start time of the process since unix epoch in seconds."};
static const struct metric process_threads = {
    .name = "process_threads", .help = "Number of OS threads in the process."};

static size_t
names_count(const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL)
        count++;
    return count;
}

static int64_t
clock_now_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static double
seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

struct telemetry *
telemetry_new(const char *const *commands, const char *const *states)
{
    struct telemetry *telemetry = memory_new(1, sizeof(*telemetry));
    telemetry->commands_count = names_count(commands);
    telemetry->commands =
        memory_new(telemetry->commands_count, sizeof(*telemetry->commands));
    for (size_t i = 0; i < telemetry->commands_count; i++) {
        size_t row = 0;
        while (strcmp(commands[row], commands[i]) != 0)
            row++;
        telemetry->commands[i].name = commands[i];
        telemetry->commands[i].row = row;
    }
    telemetry->states = states;
    telemetry->guests = memory_new(names_count(states), sizeof(*telemetry->guests));
    /* Milliseconds are enough, and the number is the same in every scrape. */
    telemetry->start_realtime_ns =
        clock_now_ns(CLOCK_REALTIME) / (NS_PER_SECOND / 1000) * (NS_PER_SECOND / 1000);
    telemetry_reload(telemetry, true, telemetry->start_realtime_ns);
    telemetry_web_reload(telemetry, true, telemetry->start_realtime_ns);
    return telemetry;
}

void
telemetry_free(struct telemetry *telemetry)
{
    if (telemetry == NULL)
        return;
    while (telemetry->source_names != NULL) {
        struct source_name *first = telemetry->source_names;
        telemetry->source_names = first->next;
        free(first->name);
        free(first);
    }
    free(telemetry->commands);
    free(telemetry->guests);
    free(telemetry);
}

static void
histogram_add(struct histogram *histogram, int64_t ns)
{
    size_t bucket = 0;
    while (bucket < BOUNDS && ns > bounds[bucket].ns)
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    if (ns > 0)
        atomic_fetch_add_explicit(&histogram->sum_ns, (uint64_t)ns,
                                  memory_order_relaxed);
}

void
telemetry_call(struct telemetry *telemetry, size_t command, enum failure_kind outcome,
               int64_t duration_ns)
{
    struct command *row = &telemetry->commands[telemetry->commands[command].row];
    atomic_fetch_add_explicit(&row->outcomes[outcome], 1, memory_order_relaxed);
    histogram_add(&row->duration, duration_ns);
}

void
telemetry_lateness(struct telemetry *telemetry, int64_t lateness_ns)
{
    histogram_add(&telemetry->lateness, lateness_ns);
}

void
telemetry_guests(struct telemetry *telemetry, size_t state, size_t count)
{
    atomic_store_explicit(&telemetry->guests[state], count, memory_order_relaxed);
}

void
telemetry_name_conflict(struct telemetry *telemetry)
{
    atomic_fetch_add_explicit(&telemetry->name_conflicts, 1, memory_order_relaxed);
}

void
telemetry_paused(struct telemetry *telemetry, bool paused)
{
    atomic_store(&telemetry->paused, paused);
}

void
telemetry_reload(struct telemetry *telemetry, bool successful, int64_t realtime_ns)
{
    atomic_store(&telemetry->reload_successful, successful);
    if (successful)
        atomic_store(&telemetry->reload_realtime_ns, realtime_ns);
}

void
telemetry_web_reload(struct telemetry *telemetry, bool successful, int64_t realtime_ns)
{
    atomic_store(&telemetry->web_reload_successful, successful);
    if (successful)
        atomic_store(&telemetry->reload_realtime_ns, realtime_ns);
}

void
telemetry_scrape(struct telemetry *telemetry, unsigned int http_status,
                 size_t body_bytes)
{
    size_t code = 0;
    while (codes[code].status != http_status && codes[code].status != 0)
        code++;
    atomic_fetch_add_explicit(&telemetry->scrapes[code], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&telemetry->scrape_bytes, body_bytes,
                              memory_order_relaxed);
}

static const char *
source_name_keep(struct telemetry *telemetry, const char *name)
{
    for (struct source_name *kept = telemetry->source_names; kept != NULL;
         kept = kept->next)
        if (strcmp(kept->name, name) == 0)
            return kept->name;
    struct source_name *kept = memory_new(1, sizeof(*kept));
    kept->name = memory_string(name);
    kept->next = telemetry->source_names;
    telemetry->source_names = kept;
    return kept->name;
}

size_t
telemetry_source_add(struct telemetry *telemetry, const char *name)
{
    size_t row = 0;
    while (row < TELEMETRY_SOURCES_MAX &&
           atomic_load(&telemetry->sources[row].name) != NULL)
        row++;
    if (row == TELEMETRY_SOURCES_MAX)
        return row;
    struct source *source = &telemetry->sources[row];
    atomic_store(&source->up, false);
    atomic_store(&source->has_lanes, false);
    atomic_store(&source->has_sockets, false);
    atomic_store(&source->name, source_name_keep(telemetry, name));
    return row;
}

void
telemetry_source_remove(struct telemetry *telemetry, size_t row)
{
    if (row < TELEMETRY_SOURCES_MAX)
        atomic_store(&telemetry->sources[row].name, NULL);
}

void
telemetry_source_up(struct telemetry *telemetry, size_t row, bool up)
{
    if (row < TELEMETRY_SOURCES_MAX)
        atomic_store(&telemetry->sources[row].up, up);
}

void
telemetry_lanes(struct telemetry *telemetry, size_t row, size_t lanes_count,
                size_t in_use, uint64_t abandoned_total)
{
    if (row >= TELEMETRY_SOURCES_MAX)
        return;
    struct source *source = &telemetry->sources[row];
    atomic_store(&source->lanes, lanes_count);
    atomic_store(&source->lanes_in_use, in_use);
    atomic_store(&source->lanes_abandoned, abandoned_total);
    atomic_store(&source->has_lanes, true);
}

void
telemetry_sockets_beyond(struct telemetry *telemetry, size_t row, size_t count)
{
    if (row >= TELEMETRY_SOURCES_MAX)
        return;
    atomic_store(&telemetry->sources[row].sockets_beyond, count);
    atomic_store(&telemetry->sources[row].has_sockets, true);
}

const char *
telemetry_version(void)
{
    return QGA_VERSION;
}

static void
write_single(struct text *out, const struct metric *metric, double value)
{
    exposition_header(out, metric);
    exposition_line(out, metric, "", "", NULL, value);
}

static void
write_build_info(struct text *out)
{
    const char *const labels[] = {QGA_VERSION, QGA_REVISION, QGA_BRANCH, COMPILER};
    exposition_header(out, &build_info);
    exposition_line(out, &build_info, "", "", labels, 1);
}

/* `label` is the one before le, or NULL for none. */
static void
write_histogram(struct text *out, const struct metric *metric,
                const struct metric *bucket_metric, const char *label,
                struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        const char *labels[] = {label, i < BOUNDS ? bounds[i].le : "+Inf"};
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        exposition_line(out, bucket_metric, "_bucket", "", labels + (label == NULL),
                        (double)count);
    }
    int64_t sum_ns =
        (int64_t)atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
    exposition_line(out, metric, "_sum", "", &label, seconds(sum_ns));
    exposition_line(out, metric, "_count", "", &label, (double)count);
}

static void
write_calls(struct telemetry *telemetry, struct text *out)
{
    exposition_header(out, &calls);
    for (size_t i = 0; i < telemetry->commands_count; i++) {
        struct command *command = &telemetry->commands[i];
        for (size_t kind = 0; command->row == i && kind < FAILURE_KINDS; kind++) {
            uint64_t count = atomic_load(&command->outcomes[kind]);
            const char *const labels[] = {
                command->name, kind == FAILURE_NONE
                                   ? "ok"
                                   : failure_kind_name((enum failure_kind)kind)};
            if (count > 0 || kind == FAILURE_NONE)
                exposition_line(out, &calls, "", "", labels, (double)count);
        }
    }
    exposition_header(out, &call_duration);
    for (size_t i = 0; i < telemetry->commands_count; i++)
        if (telemetry->commands[i].row == i)
            write_histogram(out, &call_duration, &call_duration_bucket,
                            telemetry->commands[i].name,
                            &telemetry->commands[i].duration);
}

static void
write_guests(struct telemetry *telemetry, struct text *out)
{
    exposition_header(out, &guests);
    for (size_t i = 0; telemetry->states[i] != NULL; i++)
        exposition_line(out, &guests, "", "", &telemetry->states[i],
                        (double)atomic_load(&telemetry->guests[i]));
}

static void
write_scrapes(struct telemetry *telemetry, struct text *out)
{
    exposition_header(out, &scrapes);
    for (size_t i = 0; i < CODES; i++) {
        uint64_t count = atomic_load(&telemetry->scrapes[i]);
        if (codes[i].status != 0 || count > 0)
            exposition_line(out, &scrapes, "", "", &codes[i].code, (double)count);
    }
    write_single(out, &scrape_body_bytes,
                 (double)atomic_load(&telemetry->scrape_bytes));
}

static void
write_reload(struct telemetry *telemetry, struct text *out)
{
    write_single(out, &paused_metric, atomic_load(&telemetry->paused) ? 1 : 0);
    write_single(out, &reload_successful,
                 atomic_load(&telemetry->reload_successful) &&
                         atomic_load(&telemetry->web_reload_successful)
                     ? 1
                     : 0);
    write_single(out, &reload_timestamp,
                 seconds(atomic_load(&telemetry->reload_realtime_ns)));
}

static double
source_value(struct source *source, const struct metric *metric)
{
    if (metric == &source_up)
        return atomic_load(&source->up) ? 1 : 0;
    if (metric == &sockets_beyond)
        return (double)atomic_load(&source->sockets_beyond);
    if (metric == &lanes)
        return (double)atomic_load(&source->lanes);
    if (metric == &lanes_in_use)
        return (double)atomic_load(&source->lanes_in_use);
    return (double)atomic_load(&source->lanes_abandoned);
}

static bool
source_has(struct source *source, const struct metric *metric)
{
    if (metric == &source_up)
        return true;
    return atomic_load(metric == &sockets_beyond ? &source->has_sockets
                                                 : &source->has_lanes);
}

static void
write_sources(struct telemetry *telemetry, struct text *out,
              const struct metric *metric)
{
    bool started = false;
    for (size_t i = 0; i < TELEMETRY_SOURCES_MAX; i++) {
        struct source *source = &telemetry->sources[i];
        const char *name = atomic_load(&source->name);
        if (name == NULL || !source_has(source, metric))
            continue;
        if (!started)
            exposition_header(out, metric);
        started = true;
        exposition_line(out, metric, "", "", &name, source_value(source, metric));
    }
}

/* Left out where a sandbox forbids the call.  The kernel's own flag (STA_UNSYNC) is not
 * used: chrony without rtcsync leaves it set although it keeps the clock. */
static void
write_host_clock(struct text *out)
{
    struct timex timex = {.modes = 0};
    if (adjtimex(&timex) < 0)
        return;
    write_single(out, &clock_synchronized, timex.maxerror < 16000000 ? 1 : 0);
    write_single(out, &clock_max_error, (double)timex.maxerror / 1e6);
}

static void
write_limit(struct text *out, const struct metric *metric, __rlimit_resource_t which)
{
    struct rlimit limit;
    if (getrlimit(which, &limit) == 0)
        write_single(out, metric, (double)limit.rlim_cur);
}

static void
write_open_fds(struct text *out)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return;
    size_t count = 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory))
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    write_single(out, &process_open_fds, (double)(count - 1)); /* not our directory */
}

/* A field of /proc/self/stat by its number in proc(5); 0 if it is not there.  The name,
 * field 2, stands in parentheses and may hold anything, so counting starts behind it.
 */
static double
stat_field(const char *line, int number)
{
    const char *field = strrchr(line, ')');
    for (int i = 2; field != NULL && i < number; i++)
        field = strchr(field + 1, ' ');
    return field == NULL ? 0 : (double)strtoull(field, NULL, 10);
}

static void
write_proc_stat(struct text *out)
{
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return;
    size_t length = fread(line, 1, sizeof(line) - 1, file);
    (void)fclose(file);
    line[length] = '\0';
    write_single(out, &process_virtual, stat_field(line, 23));
    write_single(out, &process_resident,
                 stat_field(line, 24) * (double)sysconf(_SC_PAGESIZE));
    write_single(out, &process_threads, stat_field(line, 20));
}

static void
write_process(struct telemetry *telemetry, struct text *out)
{
    write_single(out, &process_cpu, seconds(clock_now_ns(CLOCK_PROCESS_CPUTIME_ID)));
    write_open_fds(out);
    write_limit(out, &process_max_fds, RLIMIT_NOFILE);
    write_limit(out, &process_virtual_max, RLIMIT_AS);
    write_proc_stat(out);
    write_single(out, &process_start, seconds(telemetry->start_realtime_ns));
}

void
telemetry_write(void *context, struct text *out)
{
    struct telemetry *telemetry = context;
    write_host_clock(out);
    write_build_info(out);
    write_sources(telemetry, out, &source_up);
    write_sources(telemetry, out, &lanes);
    write_sources(telemetry, out, &lanes_in_use);
    write_sources(telemetry, out, &lanes_abandoned);
    write_sources(telemetry, out, &sockets_beyond);
    write_guests(telemetry, out);
    write_single(out, &name_conflicts, (double)atomic_load(&telemetry->name_conflicts));
    write_calls(telemetry, out);
    exposition_header(out, &schedule_lateness);
    write_histogram(out, &schedule_lateness, &schedule_lateness_bucket, NULL,
                    &telemetry->lateness);
    write_scrapes(telemetry, out);
    write_reload(telemetry, out);
    write_process(telemetry, out);
}
