/* A guest's memory, as its host tells it, as samples. */
#include "guest/balloon_metrics.h"

#include <stddef.h>

#define FROM(field) " (balloon." field " of libvirt, cached)."
#define WORD(variable, is_essential, metric_type, metric_name, metric_help)            \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = (metric_help),                                                         \
        .type = (metric_type),                                                         \
        .essential = (is_essential),                                                   \
    }

WORD(total, true, METRIC_GAUGE, "qga_balloon_MemTotal_bytes",
     "Memory that the guest has, without what its balloon holds" FROM("available"));
WORD(free_bytes, false, METRIC_GAUGE, "qga_balloon_MemFree_bytes",
     "Memory that the guest uses for nothing at all" FROM("unused"));
WORD(available, true, METRIC_GAUGE, "qga_balloon_MemAvailable_bytes",
     "Memory that the guest can give to programs without swapping" FROM("usable"));
WORD(caches, false, METRIC_GAUGE, "qga_balloon_caches_bytes",
     "Memory that the guest holds for files: Cached, SwapCached and Buffers of "
     "/proc/meminfo" FROM("disk_caches"));
WORD(swap_in, false, METRIC_COUNTER, "qga_balloon_swap_in_bytes_total",
     "What the guest has read from its swap" FROM("swap_in"));
WORD(swap_out, false, METRIC_COUNTER, "qga_balloon_swap_out_bytes_total",
     "What the guest has written to its swap" FROM("swap_out"));
WORD(major_faults, false, METRIC_COUNTER, "qga_balloon_pgmajfault_total",
     "Page faults in the guest for which a disk was read" FROM("major_fault"));
WORD(faults, false, METRIC_COUNTER, "qga_balloon_pgfault_total",
     "Page faults in the guest; Linux counts the major ones here, too" FROM(
         "minor_fault"));

WORD(resident, false, METRIC_GAUGE, "qga_domain_memory_resident_bytes",
     "Memory of the host that the guest's process holds" FROM("rss"));
WORD(updated, false, METRIC_GAUGE, "qga_balloon_last_update_timestamp_seconds",
     "When the guest last said its memory by its balloon, on the host's "
     "clock" FROM("last-update"));

static const struct metric *const by_word[BALLOON_WORDS] = {
    [BALLOON_TOTAL] = &total,
    [BALLOON_FREE] = &free_bytes,
    [BALLOON_AVAILABLE] = &available,
    [BALLOON_CACHES] = &caches,
    [BALLOON_SWAP_IN] = &swap_in,
    [BALLOON_SWAP_OUT] = &swap_out,
    [BALLOON_MAJOR_FAULTS] = &major_faults,
    [BALLOON_FAULTS] = &faults,
};

const struct metric *const balloon_metrics[] = {
    &total,    &free_bytes,   &available, &caches, &swap_in,
    &swap_out, &major_faults, &faults,    NULL,
};
_Static_assert(sizeof(balloon_metrics) / sizeof(balloon_metrics[0]) ==
                   BALLOON_WORDS + 1,
               "balloon_metrics lists every word");

const struct metric *const balloon_host_metrics[] = {&resident, &updated, NULL};

static int64_t
age_ns(const struct balloon *balloon)
{
    return balloon->read_ns - balloon->updated_ns;
}

/* The host's clock may have been set back since: by more, and the age is not known. */
bool
balloon_is_current(const struct balloon *balloon, int64_t max_age_ns)
{
    return balloon->updated_ns > 0 && age_ns(balloon) < max_age_ns &&
           age_ns(balloon) > -max_age_ns && balloon->has[BALLOON_TOTAL];
}

int64_t
balloon_expires_ns(const struct balloon *balloon, int64_t max_age_ns)
{
    int64_t age = age_ns(balloon);

    return balloon->read_mono_ns + max_age_ns - (age > 0 ? age : 0);
}

void
balloon_samples(const struct balloon *balloon, struct samples *out)
{
    for (size_t i = 0; i < BALLOON_WORDS; i++) {
        if (balloon->has[i])
            samples_add(out, by_word[i], balloon->words[i], NO_LABELS);
    }
}

void
balloon_host_samples(const struct balloon *balloon, struct samples *out)
{
    samples_add(out, &resident, balloon->resident_bytes, NO_LABELS);
    if (balloon->updated_ns > 0)
        samples_add(out, &updated, (double)balloon->updated_ns / 1e9, NO_LABELS);
}
