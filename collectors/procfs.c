/* Collector procfs: memory, load, pressure and the like of a Linux guest, read from a
 * fixed list of files below /proc by guest-file-open, -read and -close.  The agent
 * lists no such things, and a file is the only way to them; off unless configured,
 * since the guest's administrator may well see an open file as more than a query.
 *
 * A handle is closed whatever happens.  Where the answer to an open is lost, nobody
 * knows the handle: then no file is opened before the agent restarts. */
#include "collector.h"
#include "kit/base64.h"
#include "kit/guest_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The files are some 2 kB; of a longer one the beginning is taken. */
#define FILE_BYTES_MAX 16384
/* What a number in a file is divided by to be in base units: exact, so that the
 * decimals stay short. */
#define KIB (1 / 1024.0)
#define MICROSECONDS 1e6

enum {
    MEMINFO,
    LOADAVG,
    UPTIME,
    PRESSURE_CPU,
    PRESSURE_IO,
    PRESSURE_MEMORY,
    FILE_NR,
    SOCKSTAT,
    FILES,
};

static const char *const paths[FILES] = {
    [MEMINFO] = "/proc/meminfo",         [LOADAVG] = "/proc/loadavg",
    [UPTIME] = "/proc/uptime",           [PRESSURE_CPU] = "/proc/pressure/cpu",
    [PRESSURE_IO] = "/proc/pressure/io", [PRESSURE_MEMORY] = "/proc/pressure/memory",
    [FILE_NR] = "/proc/sys/fs/file-nr",  [SOCKSTAT] = "/proc/net/sockstat",
};

/* X(file, how the line begins, which word behind that, what the word begins with,
 * divisor, type, name, help): one line for each series. */
#define MEMORY(X, field)                                                               \
    X(MEMINFO, #field ":", 0, "", KIB, METRIC_GAUGE, "qga_memory_" #field "_bytes",    \
      #field " of /proc/meminfo (guest-file-read, cached).")
#define MEMORY_NAMED(X, line, name)                                                    \
    X(MEMINFO, line ":", 0, "", KIB, METRIC_GAUGE, "qga_memory_" name "_bytes",        \
      line " of /proc/meminfo (guest-file-read, cached).")
#define PRESSURE(X, file, line, name)                                                  \
    X(file, line, 3, "total=", MICROSECONDS, METRIC_COUNTER, "qga_pressure_" name,     \
      "Time that tasks lost, total of the line " line                                  \
      " below /proc/pressure (guest-file-read, cached).")
#define SOCKETS(X, line, word, name)                                                   \
    X(SOCKSTAT, line ":", word, "", 1, METRIC_GAUGE, "qga_sockstat_" name,             \
      name " of /proc/net/sockstat (guest-file-read, cached).")
#define SERIES(X)                                                                      \
    MEMORY(X, MemTotal)                                                                \
    MEMORY(X, MemFree)                                                                 \
    MEMORY(X, MemAvailable)                                                            \
    MEMORY(X, Buffers)                                                                 \
    MEMORY(X, Cached)                                                                  \
    MEMORY(X, SwapCached)                                                              \
    MEMORY(X, SwapTotal)                                                               \
    MEMORY(X, SwapFree)                                                                \
    MEMORY(X, Active)                                                                  \
    MEMORY(X, Inactive)                                                                \
    MEMORY(X, Dirty)                                                                   \
    MEMORY(X, Writeback)                                                               \
    MEMORY(X, AnonPages)                                                               \
    MEMORY(X, Mapped)                                                                  \
    MEMORY(X, Shmem)                                                                   \
    MEMORY(X, Slab)                                                                    \
    MEMORY(X, SReclaimable)                                                            \
    MEMORY(X, SUnreclaim)                                                              \
    MEMORY(X, KernelStack)                                                             \
    MEMORY(X, PageTables)                                                              \
    MEMORY(X, CommitLimit)                                                             \
    MEMORY_NAMED(X, "Committed_AS", "Committed_AS")                                    \
    X(LOADAVG, "", 0, "", 1, METRIC_GAUGE, "qga_procfs_load1",                         \
      "1 minute load average of /proc/loadavg (guest-file-read, cached); qga_load1 "   \
      "is "                                                                            \
      "what agents since 10.0 tell themselves.")                                       \
    X(LOADAVG, "", 1, "", 1, METRIC_GAUGE, "qga_procfs_load5",                         \
      "5 minute load average of /proc/loadavg (guest-file-read, cached).")             \
    X(LOADAVG, "", 2, "", 1, METRIC_GAUGE, "qga_procfs_load15",                        \
      "15 minute load average of /proc/loadavg (guest-file-read, cached).")            \
    X(UPTIME, "", 0, "", 1, METRIC_GAUGE, "qga_uptime_seconds",                        \
      "Time since the guest's kernel started, of /proc/uptime (guest-file-read, "      \
      "cached).")                                                                      \
    PRESSURE(X, PRESSURE_CPU, "some", "cpu_waiting_seconds_total")                     \
    PRESSURE(X, PRESSURE_IO, "some", "io_waiting_seconds_total")                       \
    PRESSURE(X, PRESSURE_IO, "full", "io_stalled_seconds_total")                       \
    PRESSURE(X, PRESSURE_MEMORY, "some", "memory_waiting_seconds_total")               \
    PRESSURE(X, PRESSURE_MEMORY, "full", "memory_stalled_seconds_total")               \
    X(FILE_NR, "", 0, "", 1, METRIC_GAUGE, "qga_filefd_allocated",                     \
      "Open file handles of /proc/sys/fs/file-nr (guest-file-read, cached).")          \
    X(FILE_NR, "", 2, "", 1, METRIC_GAUGE, "qga_filefd_maximum",                       \
      "Most file handles that can be open, of /proc/sys/fs/file-nr (guest-file-read, " \
      "cached).")                                                                      \
    SOCKETS(X, "sockets", 1, "sockets_used")                                           \
    SOCKETS(X, "TCP", 1, "TCP_inuse")                                                  \
    SOCKETS(X, "TCP", 3, "TCP_orphan")                                                 \
    SOCKETS(X, "TCP", 5, "TCP_tw")                                                     \
    SOCKETS(X, "TCP", 7, "TCP_alloc")                                                  \
    SOCKETS(X, "UDP", 1, "UDP_inuse")

#define AS_METRIC(file, line, word, prefix, divisor, kind, metric_name, metric_help)   \
    {.name = (metric_name), .help = (metric_help), .type = (kind)},
static const struct metric metrics[] = {SERIES(AS_METRIC)};

#define AS_PLACE(file, line, word, prefix, divisor, kind, metric_name, metric_help)    \
    {(file), (line), (word), (prefix), (divisor)},
static const struct place {
    size_t file;
    const char *line;
    unsigned int word;
    const char *prefix;
    double divisor;
} places[] = {SERIES(AS_PLACE)};

#define VALUES (sizeof(places) / sizeof(places[0]))

/* The table above, as the interface wants it. */
#define M4(i) &metrics[i], &metrics[(i) + 1], &metrics[(i) + 2], &metrics[(i) + 3]
static const struct metric *const procfs_metrics[] = {
    M4(0),  M4(4),  M4(8),        M4(12),       M4(16),       M4(20), M4(24),
    M4(28), M4(32), &metrics[36], &metrics[37], &metrics[38], NULL,
};
_Static_assert(sizeof(procfs_metrics) / sizeof(procfs_metrics[0]) == VALUES + 1,
               "procfs_metrics lists every metric");

enum phase { OPENING, READING, CLOSING };

/* A reading in progress. */
struct procfs {
    enum phase phase;
    size_t file;
    int64_t handle;
    bool have[VALUES];
    double values[VALUES];
};

static enum next
open_file(struct procfs *procfs, size_t file, struct request *request)
{
    if (file >= FILES)
        return NEXT_OVER;
    procfs->phase = OPENING;
    procfs->file = file;
    request->command = "guest-file-open";
    (void)snprintf(request->arguments, sizeof(request->arguments),
                   "{\"path\":\"%s\",\"mode\":\"r\"}", paths[file]);
    return NEXT_REQUEST;
}

static enum next
read_file(struct procfs *procfs, const json_t *answer, struct request *request)
{
    if (!json_is_integer(answer))
        return NEXT_NEVER; /* open, but by which handle? */
    procfs->phase = READING;
    procfs->handle = json_integer_value(answer);
    request->command = "guest-file-read";
    (void)snprintf(request->arguments, sizeof(request->arguments),
                   "{\"handle\":%lld,\"count\":%d}", (long long)procfs->handle,
                   FILE_BYTES_MAX - 1);
    return NEXT_REQUEST;
}

static enum next
close_file(struct procfs *procfs, struct request *request)
{
    procfs->phase = CLOSING;
    request->command = "guest-file-close";
    (void)snprintf(request->arguments, sizeof(request->arguments), "{\"handle\":%lld}",
                   (long long)procfs->handle);
    return NEXT_REQUEST;
}

/* The line that begins so, behind its beginning; NULL: none. */
static const char *
find_line(const char *text, const char *beginning)
{
    size_t length = strlen(beginning);

    while (text && strncmp(text, beginning, length) != 0) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text ? text + length : NULL;
}

static const char *
find_word(const char *line, unsigned int word)
{
    line += strspn(line, " \t");
    while (word-- > 0) {
        line += strcspn(line, " \t\n");
        line += strspn(line, " \t");
    }
    return *line != '\0' && *line != '\n' ? line : NULL;
}

static bool
find_value(const char *text, const struct place *place, double *value)
{
    const char *line = find_line(text, place->line);
    const char *word = line ? find_word(line, place->word) : NULL;
    size_t prefix = strlen(place->prefix);
    char *end;

    if (!word || strncmp(word, place->prefix, prefix) != 0)
        return false;
    *value = strtod(word + prefix, &end) / place->divisor;
    return end != word + prefix;
}

static void
take_text(struct procfs *procfs, const json_t *answer)
{
    char text[FILE_BYTES_MAX];
    const char *encoded = json_string_value(json_object_get(answer, "buf-b64"));

    if (!encoded || !base64_decode(encoded, text, sizeof(text)))
        return;
    for (size_t i = 0; i < VALUES; i++)
        if (places[i].file == procfs->file)
            procfs->have[i] = find_value(text, &places[i], &procfs->values[i]);
}

/* A file that is not there (pressure needs a kernel that counts it) is no failure. */
static enum next
procfs_next(enum step step, const json_t *answer, void *memory, struct request *request)
{
    struct procfs *procfs = memory;

    if (step == STEP_FIRST) {
        *procfs = (struct procfs){.file = 0};
        return open_file(procfs, 0, request);
    }
    switch (procfs->phase) {
    case OPENING:
        if (step == STEP_LOST)
            return NEXT_NEVER;
        return step == STEP_ANSWERED ? read_file(procfs, answer, request)
                                     : open_file(procfs, procfs->file + 1, request);
    case READING:
        if (step == STEP_ANSWERED)
            take_text(procfs, answer);
        return close_file(procfs, request);
    case CLOSING:
        break;
    }
    return step == STEP_LOST ? close_file(procfs, request)
                             : open_file(procfs, procfs->file + 1, request);
}

static int
procfs_parse(const json_t *reply, const struct exchange *when, struct samples *out,
             struct failure *why)
{
    (void)reply;
    const struct procfs *procfs = when->memory;
    size_t found = 0;
    for (size_t i = 0; i < VALUES; i++) {
        if (!procfs->have[i])
            continue;
        samples_add(out, &metrics[i], procfs->values[i], NO_LABELS);
        found++;
    }
    if (found > 0)
        return 0;
    failure_set(why, FAILURE_AGENT_ERROR,
                "none of the files below /proc could be read: the guest is no Linux");
    return -1;
}

const struct collector procfs_collector = {
    .name = "procfs",
    .help = "memory, load and pressure of a Linux guest, from files below /proc",
    .command = "guest-file-open",
    .since = "0.15",
    .series = "up to 39",
    .default_interval_s = 60,
    .default_disabled = true, /* 24 calls, and it opens files in the guest */
    .metrics = procfs_metrics,
    .memory_bytes = sizeof(struct procfs),
    .parse = procfs_parse,
    .next = procfs_next,
    .more_commands = {"guest-file-read", "guest-file-close"},
    .calls = 3 * FILES,
};
