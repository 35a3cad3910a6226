/* Collector filesystem: guest-get-fsinfo, the size of the guest's filesystems and the
 * disks they stand on. */
#include "collector.h"
#include "kit/filter.h"
#include "kit/guest_disk.h"
#include "kit/guest_json.h"
#include "kit/proc_facts.h"

#define FILESYSTEM_LABELS "device", "fstype", "mountpoint"
#define DEVICE_HELP "device is the agent's name for it, without /dev/"

static const struct metric filesystem_size = {
    .name = "qga_filesystem_size_bytes",
    .help =
        "Size of the filesystem (guest-get-fsinfo total-bytes-privileged; before QEMU "
        "9.1 total-bytes, which lacks what is reserved for root; cached); " DEVICE_HELP
        ".",
    .type = METRIC_GAUGE,
    .labels = {FILESYSTEM_LABELS},
    .since = "3.0",
    .series = "1 per filesystem",
    .essential = true,
};
static const struct metric filesystem_free = {
    .name = "qga_filesystem_free_bytes",
    .help = "Free space, that reserved for root included (guest-get-fsinfo "
            "total-bytes-privileged less used-bytes, cached; from QEMU 9.1 on).",
    .type = METRIC_GAUGE,
    .labels = {FILESYSTEM_LABELS},
    .since = "9.1",
    .series = "1 per filesystem",
};
static const struct metric filesystem_avail = {
    .name = "qga_filesystem_avail_bytes",
    .help =
        "Space that users other than root can still fill (guest-get-fsinfo total-bytes "
        "less used-bytes, cached).",
    .type = METRIC_GAUGE,
    .labels = {FILESYSTEM_LABELS},
    .since = "3.0",
    .series = "1 per filesystem",
    .essential = true,
};
static const struct metric filesystem_readonly = {
    .name = "qga_filesystem_readonly",
    .help =
        "Whether the filesystem (guest-get-fsinfo, cached) is mounted read-only, "
        "also by its kernel after an error, by /proc/self/mountinfo: only where the "
        "collector procfs is on.",
    .type = METRIC_GAUGE,
    .labels = {FILESYSTEM_LABELS},
    .series = "1 per filesystem",
};
static const struct metric filesystem_disk_info = {
    .name = "qga_filesystem_disk_info",
    .help = "A disk below the filesystem's device (guest-get-fsinfo disk: dev, serial, "
            "bus-type, pci-controller, cached); " DEVICE_HELP
            "; target (vda) and source_file are the host's, found by serial, or by PCI "
            "address, bus, target and unit; a label is empty where it is not known.",
    .type = METRIC_GAUGE,
    .labels = {"device", "disk", "serial", "bus", "pci_address", "target",
               "source_file"},
    .series = "1 per disk below a filesystem",
};
static const struct metric *const filesystem_metrics[] = {
    &filesystem_size,     &filesystem_free,      &filesystem_avail,
    &filesystem_readonly, &filesystem_disk_info, NULL,
};

/* node_exporter's defaults, and what a container host mounts for each pod, container or
 * service.  The folders themselves pass: they may be volumes of their own.  Each
 * distribution of Kubernetes has its kubelet's and containerd's elsewhere. */
enum { FILTER_MOUNT_POINTS, FILTER_FS_TYPES };
static const struct filter_spec filesystem_filters[] = {
    [FILTER_MOUNT_POINTS] =
        {
            .key = "mount_points",
            .default_exclude =
                "^/((dev|proc|sys)($|/)|"
                "(run/(credentials|docker|host-containerd|k0s|k3s|netns|user)|"
                "var/lib/(docker|lxc|lxd|incus|rancher|snapd)|"
                "(.+/)?(containerd|containers/storage|kubelet/(pods|plugins)))/.)",
            .help = "mount points, as the guest names them; those of containers and "
                    "pods are "
                    "excluded",
        },
    [FILTER_FS_TYPES] =
        {
            .key = "fs_types",
            .default_exclude =
                "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|cramfs|debugfs|devpts|"
                "devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|"
                "procfs|"
                "pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs|udf|UDF|"
                "CDFS)$",
            .help = "types of filesystems, as the guest names them; those without a "
                    "disk are "
                    "excluded",
        },
    {.key = NULL},
};

/* A difference below 0 (the guest counted while it changed, or lies) is left out. */
static void
filesystem_sizes(const struct guest_json *entry, struct label_values labels,
                 struct samples *out)
{
    double used, total, privileged;
    bool has_used = guest_json_number(entry, "used-bytes", GUEST_OPTIONAL, &used);
    bool has_total = guest_json_number(entry, "total-bytes", GUEST_OPTIONAL, &total);
    bool has_privileged =
        guest_json_number(entry, "total-bytes-privileged", GUEST_OPTIONAL, &privileged);

    if (has_privileged && privileged >= 0)
        samples_add(out, &filesystem_size, privileged, labels);
    else if (!has_privileged && has_total && total >= 0)
        samples_add(out, &filesystem_size, total, labels);

    if (!has_used || used < 0)
        return;
    if (has_privileged && privileged >= used)
        samples_add(out, &filesystem_free, privileged - used, labels);
    if (has_total && total >= used)
        samples_add(out, &filesystem_avail, total - used, labels);
}

static void
filesystem_mount(const struct proc_facts *proc, const char *mountpoint,
                 struct label_values labels, struct samples *out)
{
    bool readonly;

    if (proc_facts_is_readonly(proc, mountpoint, &readonly))
        samples_add(out, &filesystem_readonly, readonly, labels);
}

static void
filesystem_disk(const struct guest_json *disk, const char *device,
                const struct host_facts *host, struct samples *out)
{
    struct guest_disk found;

    guest_disk_read(disk, host, &found);
    /* Once: bind mounts and subvolumes each list the disk of their device. */
    samples_add_once(out, &filesystem_disk_info, 1,
                     LABELS(device, guest_json_string(disk, "dev", GUEST_OPTIONAL),
                            found.serial, found.bus, found.pci_address, found.target,
                            found.source_file));
}

static void
filesystem_disks(const struct guest_json *entry, const char *device,
                 const struct host_facts *host, struct samples *out)
{
    struct guest_json list, disk;

    if (!guest_json_array(entry, "disk", GUEST_OPTIONAL, &list))
        return;
    for (size_t i = 0; guest_json_entry(&list, i, &disk); i++)
        filesystem_disk(&disk, device, host, out);
}

static int
filesystem_parse(const json_t *reply, const struct exchange *when, struct samples *out,
                 struct failure *why)
{
    struct guest_json list, entry;

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &entry); i++) {
        const char *device =
            guest_disk_device(guest_json_string(&entry, "name", GUEST_REQUIRED));
        const char *fstype = guest_json_string(&entry, "type", GUEST_REQUIRED);
        const char *mountpoint =
            guest_json_string(&entry, "mountpoint", GUEST_REQUIRED);

        if (!guest_json_is_usable(&entry) ||
            !filter_passes(when->filters[FILTER_FS_TYPES], fstype) ||
            !filter_passes(when->filters[FILTER_MOUNT_POINTS], mountpoint))
            continue;
        filesystem_sizes(&entry, LABELS(device, fstype, mountpoint), out);
        filesystem_mount(when->proc, mountpoint, LABELS(device, fstype, mountpoint),
                         out);
        filesystem_disks(&entry, device, when->host, out);
    }
    return guest_json_result(&list, out);
}

const struct collector filesystem_collector = {
    .name = "filesystem",
    .help = "the size of the guest's filesystems and the disks they stand on",
    .command = "guest-get-fsinfo",
    .since = "2.2",
    .series = "3 per filesystem (2 before 9.1), 1 more with procfs, and 1 per disk "
              "below it",
    .default_interval_s = 60,
    .metrics = filesystem_metrics,
    .filters = filesystem_filters,
    .shows_proc_facts = true,
    .parse = filesystem_parse,
};
