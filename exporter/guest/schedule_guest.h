/* What the schedule is told, and what it keeps of each guest. */
#ifndef GUEST_SCHEDULE_GUEST_H
#define GUEST_SCHEDULE_GUEST_H

#include "base/heap.h"
#include "collector.h"
#include "guest/places.h"
#include "guest/share.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest period that slowness alone can give a command. */
#define SCHEDULE_STRETCH_MAX_NS (INT64_C(15) * 60 * 1000 * 1000 * 1000)
/* How often a frozen guest is asked whether it is thawed. */
#define SCHEDULE_FROZEN_NS (INT64_C(5) * 1000 * 1000 * 1000)

struct schedule_settings {
    unsigned int capacity; /* calls in flight at once */
    unsigned int lanes;    /* of them, those that are worked on at once */
    struct {
        bool enabled;
        int64_t interval_ns;
    } collectors[COLLECTORS_MAX];
    size_t collectors_count;
    size_t probe;   /* its index in collectors */
    size_t opening; /* likewise: what a visit begins with */
    unsigned int failures_before_backoff;
    int64_t backoff_ns, backoff_max_ns;
    unsigned int calls_per_minute; /* of one guest, whatever happens; 0: no bound */
};

struct schedule_entry {
    int64_t due_ns;
    unsigned int stretch; /* the interval is multiplied by 2^stretch */
    bool must;            /* in the middle of a conversation: asked whatever is set */
    bool blocked;         /* the agent does not have the command, or has it disabled */
    bool forbidden;       /* ... or it does harm: not sent in any mode, if not `must` */
};

/* Embedded in the guest; zeroed by its owner before schedule_add(). */
struct schedule_guest {
    uint64_t hash;
    bool held; /* not to be asked: paused, no channel, nobody connected */
    bool in_flight;
    bool restricted;       /* one collector only, whatever the settings say ... */
    size_t only;           /* ... this one: the filesystems are frozen */
    bool suspect;          /* gets only the probe until it answers */
    unsigned int failures; /* calls in a row that got no (usable) answer */
    /* Its channel is others' too.  It is asked in visits, without gaps, as few and as
     * short as can be: what has one interval is due at one time. */
    bool visited;
    bool on_visit;         /* the opening was asked, and more is due */
    unsigned int occupied; /* calls in a row that others were in the way of */
    unsigned int epoch;    /* counts releases: what was sent before one tells nothing */
    int64_t cut_short_ns;  /* when its back-off was, since an answer; 0: not */
    int64_t not_before_ns; /* the gap, the back-off, or somebody else's work */
    struct share share;
    enum schedule_class class; /* as it is counted */
    int64_t spent_ns;   /* the budget: calls made, as time from which they are paid */
    int64_t allowed_ns; /* when the budget allows the next call */
    struct heap_node waiting; /* for its turn; nowhere while held or in flight */
    struct schedule_entry entries[COLLECTORS_MAX];
};

#endif
