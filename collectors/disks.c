/* Collector disks: guest-get-disks, the guest's disks and partitions, what they stand
 * on, and how NVMe disks say they are. */
#include "collector.h"
#include "kit/filter.h"
#include "kit/guest_disk.h"
#include "kit/guest_json.h"

#include <string.h>

#define SINCE " (guest-get-disks "
#define CACHED ", from QEMU 5.2 on, cached)"

static const struct metric disk_info = {
    .name = "qga_disk_info",
    .help = "A disk or a partition of the guest" SINCE
            "name, partition, alias, address: serial, bus-type, pci-controller, "
            "ccw-address" CACHED
            "; device is without /dev/; target (vda) and source_file are the host's, "
            "found as in qga_filesystem_disk_info; a label is empty where it is not "
            "known.",
    .type = METRIC_GAUGE,
    .labels = {"device", "partition", "alias", "serial", "bus", "pci_address",
               "ccw_address", "target", "source_file"},
    .series = "1 per disk and partition",
};
static const struct metric disk_dependency_info = {
    .name = "qga_disk_dependency_info",
    .help = "What the device stands on: the disk of a partition, the physical volumes "
            "of a logical one" SINCE "dependencies" CACHED "; Linux only.",
    .type = METRIC_GAUGE,
    .labels = {"device", "dependency"},
    .series = "1 per dependency",
};

#define NVME(variable, metric_name, metric_type, what, field)                          \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = what " (guest-get-disks smart " field ", from QEMU 7.1 on, cached).",  \
        .type = (metric_type),                                                         \
        .labels = {"device"},                                                          \
        .since = "7.1",                                                                \
        .series = "1 per NVMe disk",                                                   \
    }

NVME(nvme_warnings, "qga_disk_nvme_critical_warning", METRIC_GAUGE,
     "Critical warnings of the NVMe disk as the sum of their bits: 1 spare space is "
     "low, 2 temperature, 4 degraded, 8 read-only, 16 no backup power, 32 persistent "
     "memory; 0 is well",
     "critical-warning");
NVME(nvme_temperature, "qga_disk_nvme_temperature_celsius", METRIC_GAUGE,
     "Temperature of the NVMe disk", "temperature, which is in kelvin");
NVME(nvme_spare, "qga_disk_nvme_available_spare_ratio", METRIC_GAUGE,
     "Share of the NVMe disk's spare space that is left", "available-spare");
NVME(nvme_spare_threshold, "qga_disk_nvme_available_spare_threshold_ratio",
     METRIC_GAUGE, "Below which share of spare space the NVMe disk warns",
     "available-spare-threshold");
NVME(nvme_used, "qga_disk_nvme_used_ratio", METRIC_GAUGE,
     "Share of its rated life that the NVMe disk has behind it; may be above 1",
     "percentage-used");
NVME(nvme_read, "qga_disk_nvme_data_read_bytes_total", METRIC_COUNTER,
     "Data read from the NVMe disk, in steps of 512000 bytes", "data-units-read");
NVME(nvme_written, "qga_disk_nvme_data_written_bytes_total", METRIC_COUNTER,
     "Data written to the NVMe disk, in steps of 512000 bytes", "data-units-written");
NVME(nvme_reads, "qga_disk_nvme_read_commands_total", METRIC_COUNTER,
     "Read commands of the NVMe disk", "host-read-commands");
NVME(nvme_writes, "qga_disk_nvme_write_commands_total", METRIC_COUNTER,
     "Write commands of the NVMe disk", "host-write-commands");
NVME(nvme_busy, "qga_disk_nvme_controller_busy_seconds_total", METRIC_COUNTER,
     "Time during which the NVMe controller was busy, in steps of a minute",
     "controller-busy-time");
NVME(nvme_cycles, "qga_disk_nvme_power_cycles_total", METRIC_COUNTER,
     "Power cycles of the NVMe disk", "power-cycles");
NVME(nvme_power_on, "qga_disk_nvme_power_on_seconds_total", METRIC_COUNTER,
     "Time that the NVMe disk had power, in steps of an hour", "power-on-hours");
NVME(nvme_unsafe, "qga_disk_nvme_unsafe_shutdowns_total", METRIC_COUNTER,
     "Losses of power without a shutdown of the NVMe disk", "unsafe-shutdowns");
NVME(nvme_media_errors, "qga_disk_nvme_media_errors_total", METRIC_COUNTER,
     "Errors of the NVMe disk's medium that were not corrected", "media-errors");
NVME(nvme_error_log, "qga_disk_nvme_error_log_entries_total", METRIC_COUNTER,
     "Entries that the NVMe disk has put into its error log",
     "number-of-error-log-entries");

static const struct metric *const disks_metrics[] = {
    &disk_info,      &disk_dependency_info,
    &nvme_warnings,  &nvme_temperature,
    &nvme_spare,     &nvme_spare_threshold,
    &nvme_used,      &nvme_read,
    &nvme_written,   &nvme_reads,
    &nvme_writes,    &nvme_busy,
    &nvme_cycles,    &nvme_power_on,
    &nvme_unsafe,    &nvme_media_errors,
    &nvme_error_log, NULL,
};

static const struct {
    const char *key;
    const struct metric *metric;
    double offset, per_unit;
} nvme_levels[] = {
    {"critical-warning", &nvme_warnings, 0, 1},
    {"temperature", &nvme_temperature, -273, 1}, /* as smartctl and the kernel do */
    {"available-spare", &nvme_spare, 0, 100},
    {"available-spare-threshold", &nvme_spare_threshold, 0, 100},
    {"percentage-used", &nvme_used, 0, 100},
};

/* Of 128 bits, in two halves. */
static const struct {
    const char *low, *high;
    const struct metric *metric;
    double unit;
} nvme_counts[] = {
    {"data-units-read-lo", "data-units-read-hi", &nvme_read, 512000},
    {"data-units-written-lo", "data-units-written-hi", &nvme_written, 512000},
    {"host-read-commands-lo", "host-read-commands-hi", &nvme_reads, 1},
    {"host-write-commands-lo", "host-write-commands-hi", &nvme_writes, 1},
    {"controller-busy-time-lo", "controller-busy-time-hi", &nvme_busy, 60},
    {"power-cycles-lo", "power-cycles-hi", &nvme_cycles, 1},
    {"power-on-hours-lo", "power-on-hours-hi", &nvme_power_on, 3600},
    {"unsafe-shutdowns-lo", "unsafe-shutdowns-hi", &nvme_unsafe, 1},
    {"media-errors-lo", "media-errors-hi", &nvme_media_errors, 1},
    {"number-of-error-log-entries-lo", "number-of-error-log-entries-hi",
     &nvme_error_log, 1},
};

/* node_exporter's for its block devices, and here the partitions have a label. */
enum { FILTER_DEVICES };
static const struct filter_spec disks_filters[] = {
    [FILTER_DEVICES] =
        {
            .key = "devices",
            .default_exclude = "^(z?ram|loop|fd)[0-9]+$",
            .help = "disks and partitions by name, as the guest names them, without "
                    "/dev/; RAM disks, loop devices and floppies are excluded",
        },
    {.key = NULL},
};

static void
disks_info(const struct guest_json *disk, const char *device,
           const struct host_facts *host, struct samples *out)
{
    struct guest_json address;
    bool is_partition;
    struct guest_disk found;

    if (!guest_json_bool(disk, "partition", GUEST_REQUIRED, &is_partition))
        return;
    guest_json_object(disk, "address", GUEST_OPTIONAL, &address);
    guest_disk_read(&address, host, &found);
    samples_add(out, &disk_info, 1,
                LABELS(device, is_partition ? "true" : "false",
                       guest_json_string(disk, "alias", GUEST_OPTIONAL), found.serial,
                       found.bus, found.pci_address, found.ccw_address, found.target,
                       found.source_file));
}

static void
disks_dependencies(const struct guest_json *disk, const char *device,
                   struct samples *out)
{
    struct guest_json list, entry;

    guest_json_array(disk, "dependencies", GUEST_OPTIONAL, &list);
    for (size_t i = 0; guest_json_entry(&list, i, &entry); i++) {
        const char *dependency = guest_disk_device(guest_json_as_string(&entry));

        if (guest_json_is_usable(&entry))
            samples_add(out, &disk_dependency_info, 1, LABELS(device, dependency));
    }
}

static void
disks_smart(const struct guest_json *disk, const char *device, struct samples *out)
{
    struct guest_json smart;

    if (!guest_json_object(disk, "smart", GUEST_OPTIONAL, &smart) ||
        strcmp(guest_json_string(&smart, "type", GUEST_REQUIRED), "nvme") != 0)
        return;
    for (size_t i = 0; i < sizeof(nvme_levels) / sizeof(*nvme_levels); i++) {
        double level;

        /* 0 kelvin is a sensor that is not there. */
        if (guest_json_number(&smart, nvme_levels[i].key, GUEST_OPTIONAL, &level) &&
            level >= 0 && (level > 0 || nvme_levels[i].metric != &nvme_temperature))
            samples_add(out, nvme_levels[i].metric,
                        (level + nvme_levels[i].offset) / nvme_levels[i].per_unit,
                        LABELS(device));
    }
    for (size_t i = 0; i < sizeof(nvme_counts) / sizeof(*nvme_counts); i++) {
        double low, high;

        if (guest_json_number(&smart, nvme_counts[i].low, GUEST_OPTIONAL, &low) &&
            guest_json_number(&smart, nvme_counts[i].high, GUEST_OPTIONAL, &high) &&
            low >= 0 && high >= 0)
            samples_add(out, nvme_counts[i].metric,
                        (high * 0x1p64 + low) * nvme_counts[i].unit, LABELS(device));
    }
}

static int
disks_parse(const json_t *reply, const struct exchange *when, struct samples *out,
            struct failure *why)
{
    struct guest_json list, disk;

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &disk); i++) {
        const char *device =
            guest_disk_device(guest_json_string(&disk, "name", GUEST_REQUIRED));

        if (!filter_passes(when->filters[FILTER_DEVICES], device))
            continue;
        disks_info(&disk, device, when->host, out);
        disks_dependencies(&disk, device, out);
        disks_smart(&disk, device, out);
    }
    return guest_json_result(&list, out);
}

const struct collector disks_collector = {
    .name = "disks",
    .help = "the guest's disks and partitions, and how NVMe disks say they are",
    .command = "guest-get-disks",
    .since = "5.2",
    .series = "1 per disk and partition, 1 per dependency, 15 more per NVMe disk",
    .default_interval_s = 600,
    .default_disabled = true,
    .metrics = disks_metrics,
    .filters = disks_filters,
    .parse = disks_parse,
};
