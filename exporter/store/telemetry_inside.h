/* The counters as they are kept, for those who count and those who write. */
#ifndef STORE_TELEMETRY_INSIDE_H
#define STORE_TELEMETRY_INSIDE_H

#include "kit/failure.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELEMETRY_SOURCES_MAX 64
#define TELEMETRY_BOUNDS 14
#define TELEMETRY_CODES 5

/* Upper bounds of the histograms' buckets, and the status codes that are counted each
 * by itself; the last takes what is not listed. */
extern const struct telemetry_bound {
    int64_t ns;
    const char *le;
} telemetry_bounds[TELEMETRY_BOUNDS];
extern const struct telemetry_code {
    unsigned int status;
    const char *code;
} telemetry_codes[TELEMETRY_CODES];

struct telemetry_histogram {
    atomic_uint_fast64_t
        buckets[TELEMETRY_BOUNDS + 1]; /* not cumulative; the last is +Inf */
    atomic_uint_fast64_t sum_ns;
};

struct telemetry_command {
    const char *name;
    atomic_uint_fast64_t outcomes[FAILURE_KINDS];
    struct telemetry_histogram duration;
};

/* A source's name is freed by telemetry_free() alone: telemetry_parts may be reading
 * it on another thread. */
struct telemetry_source_name {
    struct telemetry_source_name *next;
    char *name;
};

/* What is told of a source, in the order of the exposition. */
enum telemetry_figure {
    FIGURE_UP,
    FIGURE_LANES,
    FIGURE_LANES_IN_USE,
    FIGURE_LANES_ABANDONED,
    FIGURE_SOCKETS_BEYOND,
    FIGURE_BALLOONS_SILENT,
    FIGURES,
};

struct telemetry_source {
    _Atomic(const char *) name; /* NULL: the row is free */
    struct {
        atomic_bool told; /* else there is no series of it */
        atomic_uint_fast64_t value;
    } figures[FIGURES];
};

struct telemetry {
    struct telemetry_command *commands;
    size_t commands_count;
    const char *const *states;
    atomic_size_t *guests; /* by state */
    struct telemetry_histogram lateness;
    atomic_uint_fast64_t name_conflicts;
    atomic_uint_fast64_t scrapes[TELEMETRY_CODES];
    atomic_uint_fast64_t scrape_bytes;
    atomic_bool reload_successful, web_reload_successful;
    atomic_bool paused;
    atomic_int_fast64_t turn_realtime_ns, reload_realtime_ns;
    struct telemetry_source
        sources[TELEMETRY_SOURCES_MAX + 1]; /* the last is shown to nobody */
    struct telemetry_source_name *source_names;
    int64_t start_realtime_ns;
};

#endif
