/* Collector diskstats: guest-get-diskstats, what the guest reads from its disks and
 * writes to them.
 *
 * major and minor are left out: they name the device in the guest's kernel alone. */
#include "collector.h"
#include "kit/filter.h"
#include "kit/guest_disk.h"
#include "kit/guest_json.h"

#define DISKSTAT(variable, metric_name, metric_type, what, field)                      \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = what " (guest-get-diskstats " field ", from QEMU 7.1 on, cached).",    \
        .type = (metric_type),                                                         \
        .labels = {"device"},                                                          \
        .series = "1 per disk",                                                        \
    }

DISKSTAT(reads_completed, "qga_disk_reads_completed_total", METRIC_COUNTER,
         "Reads completed", "read-ios");
DISKSTAT(reads_merged, "qga_disk_reads_merged_total", METRIC_COUNTER,
         "Reads merged with a neighbour", "read-merges");
DISKSTAT(read_bytes, "qga_disk_read_bytes_total", METRIC_COUNTER, "Bytes read",
         "read-sectors, of 512 bytes");
DISKSTAT(read_time, "qga_disk_read_time_seconds_total", METRIC_COUNTER,
         "Time that all reads together took", "read-ticks");
DISKSTAT(writes_completed, "qga_disk_writes_completed_total", METRIC_COUNTER,
         "Writes completed", "write-ios");
DISKSTAT(writes_merged, "qga_disk_writes_merged_total", METRIC_COUNTER,
         "Writes merged with a neighbour", "write-merges");
DISKSTAT(written_bytes, "qga_disk_written_bytes_total", METRIC_COUNTER, "Bytes written",
         "write-sectors, of 512 bytes");
DISKSTAT(write_time, "qga_disk_write_time_seconds_total", METRIC_COUNTER,
         "Time that all writes together took", "write-ticks");
DISKSTAT(io_now, "qga_disk_io_now", METRIC_GAUGE, "Requests under way", "ios-pgr");
DISKSTAT(io_time, "qga_disk_io_time_seconds_total", METRIC_COUNTER,
         "Time during which the device had a request under way", "total-ticks");
DISKSTAT(io_time_weighted, "qga_disk_io_time_weighted_seconds_total", METRIC_COUNTER,
         "Time that all requests together were under way", "weight-ticks");
DISKSTAT(discards_completed, "qga_disk_discards_completed_total", METRIC_COUNTER,
         "Discards completed", "discard-ios");
DISKSTAT(discards_merged, "qga_disk_discards_merged_total", METRIC_COUNTER,
         "Discards merged with a neighbour", "discard-merges");
DISKSTAT(discarded_sectors, "qga_disk_discarded_sectors_total", METRIC_COUNTER,
         "Sectors of 512 bytes discarded", "discard-sectors");
DISKSTAT(discard_time, "qga_disk_discard_time_seconds_total", METRIC_COUNTER,
         "Time that all discards together took", "discard-ticks");
DISKSTAT(flushes, "qga_disk_flush_requests_total", METRIC_COUNTER, "Flushes completed",
         "flush-ios");
DISKSTAT(flush_time, "qga_disk_flush_requests_time_seconds_total", METRIC_COUNTER,
         "Time that all flushes together took", "flush-ticks");

static const struct metric *const diskstats_metrics[] = {
    &reads_completed, &reads_merged,      &read_bytes,
    &read_time,       &writes_completed,  &writes_merged,
    &written_bytes,   &write_time,        &io_now,
    &io_time,         &io_time_weighted,  &discards_completed,
    &discards_merged, &discarded_sectors, &discard_time,
    &flushes,         &flush_time,        NULL,
};

/* The kernel's sector has 512 bytes whatever the disk's has. */
#define SECTORS_PER_BYTE (1 / 512.0)
#define TICKS_PER_SECOND 1e3

static const struct {
    const char *key;
    const struct metric *metric;
    double per_unit;
} disk_counts[] = {
    {"read-ios", &reads_completed, 1},
    {"read-merges", &reads_merged, 1},
    {"read-sectors", &read_bytes, SECTORS_PER_BYTE},
    {"read-ticks", &read_time, TICKS_PER_SECOND},
    {"write-ios", &writes_completed, 1},
    {"write-merges", &writes_merged, 1},
    {"write-sectors", &written_bytes, SECTORS_PER_BYTE},
    {"write-ticks", &write_time, TICKS_PER_SECOND},
    {"ios-pgr", &io_now, 1},
    {"total-ticks", &io_time, TICKS_PER_SECOND},
    {"weight-ticks", &io_time_weighted, TICKS_PER_SECOND},
    {"discard-ios", &discards_completed, 1},
    {"discard-merges", &discards_merged, 1},
    {"discard-sectors", &discarded_sectors, 1},
    {"discard-ticks", &discard_time, TICKS_PER_SECOND},
    {"flush-ios", &flushes, 1},
    {"flush-ticks", &flush_time, TICKS_PER_SECOND},
};

/* Named as node_exporter's filter of its diskstats. By default partitions are left out:
 * what they read and write is counted in their disk. */
enum { FILTER_DEVICES };
static const struct filter_spec diskstats_filters[] = {
    [FILTER_DEVICES] =
        {
            .key = "devices",
            .default_exclude =
                "^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme[0-9]+n[0-9]+p)[0-9]+$",
            .help = "block devices by name, as the guest names them, without /dev/; "
                    "partitions, RAM disks and loop devices are excluded",
        },
    {.key = NULL},
};

/* All are optional: a kernel before 4.18 counts no discards, one before 5.5 no flushes,
 * and a partition of an old one but four numbers. */
static int
diskstats_parse(const json_t *reply, const struct exchange *when, struct samples *out,
                struct failure *why)
{
    struct guest_json list, entry, stats;

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &entry); i++) {
        const char *device =
            guest_disk_device(guest_json_string(&entry, "name", GUEST_REQUIRED));

        guest_json_object(&entry, "stats", GUEST_REQUIRED, &stats);
        if (!filter_passes(when->filters[FILTER_DEVICES], device))
            continue;
        for (size_t j = 0; j < sizeof(disk_counts) / sizeof(*disk_counts); j++) {
            double count;

            if (guest_json_number(&stats, disk_counts[j].key, GUEST_OPTIONAL, &count) &&
                count >= 0)
                samples_add(out, disk_counts[j].metric, count / disk_counts[j].per_unit,
                            LABELS(device));
        }
    }
    return guest_json_result(&list, out);
}

const struct collector diskstats_collector = {
    .name = "diskstats",
    .help = "what the guest reads from its disks and writes to them",
    .command = "guest-get-diskstats",
    .since = "7.1",
    .series = "17 per disk (15 before Linux 5.5, 11 before 4.18)",
    .default_interval_s = 30,
    .default_disabled = true,
    .metrics = diskstats_metrics,
    .filters = diskstats_filters,
    .parse = diskstats_parse,
};
