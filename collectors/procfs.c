/* Collector procfs: memory, load, pressure and the like of a Linux guest, read from a
 * fixed list of files below /proc by guest-file-open, -read and -close.  The agent
 * lists no such things, and a file is the only way to them; off unless configured,
 * since the guest's administrator may well see an open file as more than a query.
 *
 * A file costs three calls, so a pass reads eight: those that matter at once, and two
 * of the others in turn, whose values are kept meanwhile.
 *
 * A handle is closed whatever happens.  Where the answer to an open is lost, nobody
 * knows the handle: then no file is opened before the agent restarts. */
#include "collector.h"
#include "kit/base64.h"
#include "kit/guest_json.h"
#include "kit/proc_facts.h"
#include "kit/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct collector load_collector;

/* Most files are some 2 kB, those of many vCPUs or mounts much more; of a longer one
 * the beginning is taken, up to the last line that is whole. */
#define FILE_BYTES_MAX 65536
#define FILE_BYTES_READ "65535" /* and the NUL behind them */
/* What a number in a file is divided by to be in base units: exact, so that the
 * decimals stay short. */
#define KIB (1 / 1024.0)
#define MICROSECONDS 1e6

enum {
    MEMINFO,
    STAT,
    VMSTAT,
    PRESSURE_CPU,
    PRESSURE_IO,
    PRESSURE_MEMORY,
    LOADAVG,
    MOUNTINFO,
    FILE_NR,
    NET_DEV,
    SOCKSTAT,
    FILES,
};
/* This file and those behind it are read two at a time. */
#define IN_TURN LOADAVG
#define AT_A_TIME 2
#define PASS_FILES (IN_TURN + AT_A_TIME)

#define OPEN(path) "guest-file-open", "{\"path\":\"" path "\",\"mode\":\"r\"}"

enum { READ = FILES, CLOSE };

/* The files, and what is done to each. */
static const struct query procfs_queries[] = {
    [MEMINFO] = {OPEN("/proc/meminfo")},
    [STAT] = {OPEN("/proc/stat")},
    [VMSTAT] = {OPEN("/proc/vmstat")},
    [PRESSURE_CPU] = {OPEN("/proc/pressure/cpu")},
    [PRESSURE_IO] = {OPEN("/proc/pressure/io")},
    [PRESSURE_MEMORY] = {OPEN("/proc/pressure/memory")},
    [LOADAVG] = {OPEN("/proc/loadavg")},
    [MOUNTINFO] = {OPEN("/proc/self/mountinfo")},
    [FILE_NR] = {OPEN("/proc/sys/fs/file-nr")},
    [NET_DEV] = {OPEN("/proc/net/dev")},
    [SOCKSTAT] = {OPEN("/proc/net/sockstat")},
    [READ] = {"guest-file-read", "{\"handle\":#,\"count\":" FILE_BYTES_READ "}"},
    [CLOSE] = {"guest-file-close", "{\"handle\":#}"},
    {NULL, NULL},
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
    X(STAT, "btime ", 0, "", 1, METRIC_GAUGE, "qga_boot_time_seconds",                 \
      "When the guest's kernel started, by the guest's clock, btime of /proc/stat "    \
      "(guest-file-read, cached).")                                                    \
    X(STAT, "procs_running ", 0, "", 1, METRIC_GAUGE, "qga_procs_running",             \
      "Tasks that run or could, procs_running of /proc/stat (guest-file-read, "        \
      "cached).")                                                                      \
    X(STAT, "procs_blocked ", 0, "", 1, METRIC_GAUGE, "qga_procs_blocked",             \
      "Tasks that wait for a disk and cannot be interrupted, procs_blocked of "        \
      "/proc/stat (guest-file-read, cached).")                                         \
    X(VMSTAT, "oom_kill ", 0, "", 1, METRIC_COUNTER, "qga_vmstat_oom_kill_total",      \
      "Processes that the guest's kernel ended because memory was out, oom_kill of "   \
      "/proc/vmstat (guest-file-read, cached), from Linux 4.13 on.")                   \
    X(VMSTAT, "pgmajfault ", 0, "", 1, METRIC_COUNTER, "qga_vmstat_pgmajfault_total",  \
      "Page faults for which the guest had to read a disk, pgmajfault of "             \
      "/proc/vmstat (guest-file-read, cached).")                                       \
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

/* The load averages are the collector load's families: see procfs_substitute(). */
static const struct place load_places[] = {
    {LOADAVG, "", 0, "", 1}, {LOADAVG, "", 1, "", 1}, {LOADAVG, "", 2, "", 1}};
#define LOADS (sizeof(load_places) / sizeof(load_places[0]))

/* The table above, as the interface wants it. */
#define M4(i) &metrics[i], &metrics[(i) + 1], &metrics[(i) + 2], &metrics[(i) + 3]
static const struct metric *const procfs_metrics[] = {
    M4(0), M4(4), M4(8), M4(12), M4(16), M4(20), M4(24), M4(28), M4(32), M4(36), NULL,
};
_Static_assert(sizeof(procfs_metrics) / sizeof(procfs_metrics[0]) == VALUES + 1,
               "procfs_metrics lists every metric");

enum phase { OPENING, READING, CLOSING };

/* Of one file: whether this pass has read it, and when it was read before that. */
struct file_age {
    bool is_new;
    int64_t read_ns; /* CLOCK_REALTIME; 0: it is not known, or too old */
};

/* A pass in progress, and what the ones before have read. */
struct procfs {
    enum phase phase;
    size_t position; /* in the pass */
    size_t turn;     /* of the files in turn, the first of this pass */
    int64_t handle;
    struct file_age ages[FILES];
    bool have[VALUES], have_load[LOADS];
    double values[VALUES], load[LOADS];
    struct proc_facts facts;
};

static size_t
file_at(const struct procfs *procfs, size_t position)
{
    if (position < IN_TURN)
        return position;
    return IN_TURN + (procfs->turn + position - IN_TURN) % (FILES - IN_TURN);
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
    word += prefix;
    if (*word < '0' || *word > '9') /* nor a sign, nor an infinity */
        return false;
    *value = strtod(word, &end) / place->divisor;
    return true;
}

/* What the text of a file says; "" forgets what it said before. */
static void
take_text(struct procfs *procfs, size_t file, const char *text)
{
    for (size_t i = 0; i < VALUES; i++)
        if (places[i].file == file)
            procfs->have[i] = find_value(text, &places[i], &procfs->values[i]);
    for (size_t i = 0; file == LOADAVG && i < LOADS; i++)
        procfs->have_load[i] = find_value(text, &load_places[i], &procfs->load[i]);
    if (file == MOUNTINFO)
        proc_facts_read_mounts(&procfs->facts, text);
    if (file == NET_DEV)
        proc_facts_read_devices(&procfs->facts, text);
}

static void
forget_file(struct procfs *procfs, size_t file)
{
    procfs->ages[file] = (struct file_age){.is_new = false};
    take_text(procfs, file, "");
}

static enum next
open_file(struct procfs *procfs, size_t position, struct request *request)
{
    if (position >= PASS_FILES) {
        procfs->turn = (procfs->turn + AT_A_TIME) % (FILES - IN_TURN);
        return NEXT_OVER;
    }
    procfs->phase = OPENING;
    procfs->position = position;
    request_make(request, &procfs_queries[file_at(procfs, position)], 0);
    return NEXT_REQUEST;
}

static enum next
read_file(struct procfs *procfs, const json_t *answer, struct request *request)
{
    if (!json_is_integer(answer))
        return NEXT_NEVER; /* open, but by which handle? */
    procfs->phase = READING;
    procfs->handle = json_integer_value(answer);
    request_make(request, &procfs_queries[READ], procfs->handle);
    return NEXT_REQUEST;
}

static enum next
close_file(struct procfs *procfs, struct request *request)
{
    procfs->phase = CLOSING;
    request_make(request, &procfs_queries[CLOSE], procfs->handle);
    return NEXT_REQUEST;
}

/* What is behind the last line break may be half of a line. */
static void
take_answer(struct procfs *procfs, const json_t *answer)
{
    char text[FILE_BYTES_MAX];
    const char *encoded = json_string_value(json_object_get(answer, "buf-b64"));
    size_t file = file_at(procfs, procfs->position);

    if (!encoded || !base64_decode(encoded, text, sizeof(text))) {
        forget_file(procfs, file);
        return;
    }
    char *end = strrchr(text, '\n');
    *(end ? end + 1 : text) = '\0';
    take_text(procfs, file, text);
    procfs->ages[file].is_new = true;
}

/* A file that is not there (pressure needs a kernel that counts it) is no failure.
 * After a pass that came to no end the same files are read again, so that nothing of
 * it stays. */
static enum next
procfs_next(enum step step, const json_t *answer, void *memory, struct request *request)
{
    struct procfs *procfs = memory;

    if (step == STEP_FIRST)
        return open_file(procfs, 0, request);
    if (step == STEP_REFUSED && procfs->phase != CLOSING)
        forget_file(procfs, file_at(procfs, procfs->position));
    switch (procfs->phase) {
    case OPENING:
        if (step == STEP_LOST)
            return NEXT_NEVER;
        return step == STEP_ANSWERED ? read_file(procfs, answer, request)
                                     : open_file(procfs, procfs->position + 1, request);
    case READING:
        if (step == STEP_ANSWERED)
            take_answer(procfs, answer);
        return close_file(procfs, request);
    case CLOSING:
        break;
    }
    return step == STEP_LOST ? close_file(procfs, request)
                             : open_file(procfs, procfs->position + 1, request);
}

/* What was read in a pass before this one is kept for as long as series are. */
static void
forget_old_files(struct procfs *procfs, const struct exchange *when)
{
    for (size_t i = IN_TURN; i < FILES; i++) {
        struct file_age *age = &procfs->ages[i];

        if (age->is_new)
            *age = (struct file_age){.read_ns = when->received_ns};
        else if (when->received_ns - age->read_ns > when->max_age_ns)
            forget_file(procfs, i);
    }
}

static int
procfs_parse(const json_t *reply, const struct exchange *when, struct samples *out,
             struct failure *why)
{
    (void)reply;
    struct procfs *procfs = when->memory;
    size_t found = 0;

    forget_old_files(procfs, when);
    for (size_t i = 0; i < VALUES; i++) {
        if (!procfs->have[i])
            continue;
        samples_add(out, &metrics[i], procfs->values[i], NO_LABELS);
        found++;
    }
    samples_left_out(out, proc_facts_left_out(&procfs->facts));
    if (found > 0)
        return 0;
    failure_set(why, FAILURE_AGENT_ERROR,
                "none of the files below /proc could be read: the guest is no Linux");
    return -1;
}

static void
procfs_substitute(const void *memory, struct samples *out)
{
    const struct procfs *procfs = memory;

    for (size_t i = 0; i < LOADS; i++)
        if (procfs->have_load[i])
            samples_add(out, load_collector.metrics[i], procfs->load[i], NO_LABELS);
}

static const struct proc_facts *
procfs_facts(const void *memory)
{
    return &((const struct procfs *)memory)->facts;
}

const struct collector procfs_collector = {
    .name = "procfs",
    .help =
        "memory, load, pressure, faults, mounts of a Linux guest, by files of /proc",
    .command = "guest-file-open",
    .since = "0.15",
    .series = "up to 40; 3 where load has none, 1 per filesystem, 8 per interface "
              "without an address",
    .default_interval_s = 60,
    .default_disabled = true, /* 24 calls, and it opens files in the guest */
    .metrics = procfs_metrics,
    .memory_bytes = sizeof(struct procfs),
    .parse = procfs_parse,
    .next = procfs_next,
    .queries = procfs_queries,
    .calls = 3 * PASS_FILES,
    .substitutes = &load_collector,
    .substitute = procfs_substitute,
    .proc_facts = procfs_facts,
};
