/* From the kernel: clocks, limits, /proc/self. */
#include "store/process.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/exposition.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#define STAT_BYTES_MAX 1024

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

const struct metric *const host_clock_families[] = {&clock_synchronized,
                                                    &clock_max_error, NULL};
const struct metric *const process_families[] = {
    &process_cpu,         &process_open_fds, &process_max_fds,
    &process_virtual_max, &process_virtual,  &process_resident,
    &process_threads,     &process_start,    NULL};

/* Left out where a sandbox forbids the call.  The kernel's own flag (STA_UNSYNC) is not
 * used: chrony without rtcsync leaves it set although it keeps the clock. */
void
host_clock_write(struct fragment_writer *out)
{
    struct timex timex = {.modes = 0};

    if (adjtimex(&timex) < 0)
        return;
    fragment_single(out, &clock_synchronized, timex.maxerror < 16000000 ? 1 : 0);
    fragment_single(out, &clock_max_error, (double)timex.maxerror / 1e6);
}

static void
write_limit(struct fragment_writer *out, const struct metric *metric,
            __rlimit_resource_t which)
{
    struct rlimit limit;

    if (getrlimit(which, &limit) == 0)
        fragment_single(out, metric, (double)limit.rlim_cur);
}

static void
write_open_fds(struct fragment_writer *out)
{
    DIR *directory = opendir("/proc/self/fd");

    if (!directory)
        return;
    size_t count = 0;
    for (const struct dirent *entry = readdir(directory); entry;
         entry = readdir(directory))
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    fragment_single(out, &process_open_fds,
                    (double)(count - 1)); /* not our directory */
}

/* A field of /proc/self/stat by its number in proc(5); 0 if it is not there.  The name,
 * field 2, stands in parentheses and may hold anything, so counting starts behind it.
 */
static double
stat_field(const char *line, int number)
{
    const char *field = strrchr(line, ')');

    for (int i = 2; field && i < number; i++)
        field = strchr(field + 1, ' ');
    return field ? (double)strtoull(field, NULL, 10) : 0;
}

static void
write_stat(struct fragment_writer *out)
{
    size_t length;
    char *line = file_read(file_open("/proc/self/stat"), STAT_BYTES_MAX, &length);

    if (!line)
        return;
    fragment_single(out, &process_virtual, stat_field(line, 23));
    fragment_single(out, &process_resident,
                    stat_field(line, 24) * (double)sysconf(_SC_PAGESIZE));
    fragment_single(out, &process_threads, stat_field(line, 20));
    free(line);
}

void
process_write(struct fragment_writer *out, int64_t start_realtime_ns)
{
    fragment_single(out, &process_cpu,
                    (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9);
    write_open_fds(out);
    write_limit(out, &process_max_fds, RLIMIT_NOFILE);
    write_limit(out, &process_virtual_max, RLIMIT_AS);
    write_stat(out);
    fragment_single(out, &process_start, (double)start_realtime_ns / 1e9);
}
