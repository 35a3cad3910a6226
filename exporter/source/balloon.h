/* What the host tells of a guest's memory without its agent: the guest's own words, by
 * the driver of its balloon, and what its process holds.  Plain values. */
#ifndef SOURCE_BALLOON_H
#define SOURCE_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

/* By the guest's word; bytes, but for the faults. */
enum balloon_word {
    BALLOON_TOTAL,
    BALLOON_FREE,
    BALLOON_AVAILABLE,
    BALLOON_CACHES,
    BALLOON_SWAP_IN,
    BALLOON_SWAP_OUT,
    BALLOON_MAJOR_FAULTS,
    BALLOON_FAULTS,
    BALLOON_WORDS,
};

struct balloon {
    bool has[BALLOON_WORDS];
    double words[BALLOON_WORDS];
    int64_t updated_ns; /* CLOCK_REALTIME of the guest's word; 0: it has said nothing */
    double resident_bytes; /* of the guest's process */
    /* Before the host was asked; 0: it has not told (yet). */
    int64_t read_ns;      /* CLOCK_REALTIME */
    int64_t read_mono_ns; /* CLOCK_MONOTONIC */
};

#endif
