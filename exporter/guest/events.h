/* What happened to a guest since the exporter saw it first, counted, and why it stands
 * still: as its host tells it, without its agent.  Pure. */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

#include "kit/metric.h"
#include "kit/samples.h"
#include "source/guest_event.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A machine resets itself once or twice more when its firmware begins: what comes so
 * soon after a reboot that counted is the same one. */
#define EVENTS_REBOOT_NS (INT64_C(10) * 1000 * 1000 * 1000)

/* Errors of further disks count in the guest's total alone: disks come and go. */
#define EVENTS_DISKS_MAX 32

struct disk_errors {
    char name[GUEST_EVENT_DISK_BYTES];
    uint64_t count;
};

/* Zeroed at first. */
struct events {
    uint64_t totals[GUEST_EVENTS_KINDS];
    int64_t rebooted_ns;       /* CLOCK_MONOTONIC of the last that counted */
    struct disk_errors *disks; /* those that had one; owned */
    size_t disks_count;
};

extern const char *const guest_event_names[GUEST_EVENTS_KINDS];
extern const struct metric *const events_metrics[]; /* NULL-terminated */

void events_clear(struct events *events);
/* Whether it counts.  `disk`: of GUEST_IO_ERROR; now_ns: CLOCK_MONOTONIC. */
bool events_count(struct events *events, enum guest_event_kind kind, const char *disk,
                  int64_t now_ns);

void events_samples(const struct events *events, struct samples *out);
void pause_samples(enum pause_reason reason, struct samples *out);

#endif
