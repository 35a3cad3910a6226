/* What happened to a guest. */
#include "guest/events.h"

#include "kit/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const guest_event_names[GUEST_EVENTS_KINDS] = {
    [GUEST_PANICKED] = "panicked",
    [GUEST_WATCHDOG] = "watchdog",
    [GUEST_IO_ERROR] = "io_error",
    [GUEST_REBOOTED] = "rebooted",
    [GUEST_MEMORY_FAILURE] = "memory_failure",
};

static const char *const pause_names[PAUSE_REASONS] = {
    [PAUSE_OTHER] = "other",       [PAUSE_USER] = "user",
    [PAUSE_IO_ERROR] = "io_error", [PAUSE_WATCHDOG] = "watchdog",
    [PAUSE_PANICKED] = "panicked", [PAUSE_SUSPENDED] = "suspended",
};

static const struct metric events_total = {
    .name = "qga_domain_events_total",
    .help =
        "What libvirt has told of the guest since the exporter saw it first: its "
        "kernel panicked, its watchdog expired, a disk could not be read or written "
        "(io_error), it rebooted or was reset (within 10 s once, as firmware resets "
        "the machine again), the host's memory failed below it (memory_failure, "
        "from libvirt 6.9 on).",
    .type = METRIC_COUNTER,
    .labels = {"event"},
    .series = "5",
};
static const struct metric disk_io_errors_total = {
    .name = "qga_domain_disk_io_errors_total",
    .help = "The io_error of qga_domain_events_total by the host's name of the disk "
            "(target of its definition); a disk appears with its first one.",
    .type = METRIC_COUNTER,
    .labels = {"target"},
    .essential = true,
    .series = "1 per disk that had one, 32 at most",
};
static const struct metric paused = {
    .name = "qga_domain_paused",
    .help = "Always 1 while the domain stands still, by libvirt's reason: user (paused "
            "by somebody), io_error, watchdog, panicked, suspended (by the guest "
            "itself) or other (saved, dumped, started up); else absent.",
    .type = METRIC_GAUGE,
    .labels = {"reason"},
    .essential = true,
    .series = "1 while it is paused",
};

const struct metric *const events_metrics[] = {
    &events_total,
    &disk_io_errors_total,
    &paused,
    NULL,
};

void
events_clear(struct events *events)
{
    free(events->disks);
    *events = (struct events){.disks = NULL};
}

static void
count_disk(struct events *events, const char *disk)
{
    struct disk_errors *one = events->disks;
    char name[GUEST_EVENT_DISK_BYTES];

    (void)snprintf(name, sizeof(name), "%s", disk);
    for (size_t i = 0; i < events->disks_count; i++, one++) {
        if (strcmp(one->name, name) == 0) {
            one->count++;
            return;
        }
    }
    if (events->disks_count == EVENTS_DISKS_MAX)
        return;
    events->disks =
        memory_resize(events->disks, events->disks_count + 1, sizeof(*events->disks));
    one = &events->disks[events->disks_count++];
    memcpy(one->name, name, sizeof(name));
    one->count = 1;
}

static bool
is_same_reboot(const struct events *events, int64_t now_ns)
{
    return events->totals[GUEST_REBOOTED] > 0 &&
           now_ns - events->rebooted_ns < EVENTS_REBOOT_NS;
}

bool
events_count(struct events *events, enum guest_event_kind kind, const char *disk,
             int64_t now_ns)
{
    if (kind == GUEST_REBOOTED && is_same_reboot(events, now_ns))
        return false;
    events->totals[kind]++;
    if (kind == GUEST_REBOOTED)
        events->rebooted_ns = now_ns;
    else if (kind == GUEST_IO_ERROR)
        count_disk(events, disk);
    return true;
}

void
events_samples(const struct events *events, struct samples *out)
{
    for (size_t i = 0; i < GUEST_EVENTS_KINDS; i++)
        samples_add(out, &events_total, (double)events->totals[i],
                    LABELS(guest_event_names[i]));
    for (size_t i = 0; i < events->disks_count; i++)
        samples_add(out, &disk_io_errors_total, (double)events->disks[i].count,
                    LABELS(events->disks[i].name));
}

void
pause_samples(enum pause_reason reason, struct samples *out)
{
    samples_add(out, &paused, 1, LABELS(pause_names[reason]));
}
