/* An append-only list of samples with hard limits: the one gate through which what a
 * guest says becomes series.  It alone checks UTF-8, cuts long label values, refuses a
 * second series with the same labels, and counts what it dropped.  It does not escape:
 * that is the exposition's.  Not thread-safe; one list belongs to one call. */
#ifndef KIT_SAMPLES_H
#define KIT_SAMPLES_H

#include "kit/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct samples_limits {
    size_t series_max;      /* samples kept; the rest is dropped and counted */
    size_t label_bytes_max; /* a longer label value is cut at a character boundary */
};

/* Label values in the order of metric->labels.  NULL reads as "": the label set of a
 * family is constant. */
struct label_values {
    const char *const *values;
    size_t count;
};
#define LABELS(...)                                                                    \
    ((struct label_values){(const char *const[]){__VA_ARGS__},                         \
                           sizeof((const char *const[]){__VA_ARGS__}) /                \
                               sizeof(char *)})
#define NO_LABELS ((struct label_values){NULL, 0})

/* One sample as kept: valid UTF-8, within the limits, unique.  The strings belong to
 * the list. */
struct sample {
    const struct metric *metric;
    double value;
    const char *const *label_values; /* as many as metric->labels, never NULL strings */
};

struct samples;

/* Never NULL (out of memory ends the process: every size is limited). */
struct samples *samples_new(const struct samples_limits *limits);
void samples_free(struct samples *samples); /* NULL is fine */

/* Copies the label values.  Returns nothing: a sample over the limits, not finite, or
 * with a label set that is there already is dropped and counted. */
void samples_add(struct samples *samples, const struct metric *metric, double value,
                 struct label_values labels);

/* As samples_add, for a fact that several entries of one reply state (the disk below
 * two mount points): a repeat with the same value is no loss and not counted. */
void samples_add_once(struct samples *samples, const struct metric *metric,
                      double value, struct label_values labels);

/* Counts what was dropped before it became a sample: it was of a wrong type. */
void samples_left_out(struct samples *samples, size_t count);

/* Forgets all samples and counts, keeps the memory and the limits. */
void samples_clear(struct samples *samples);
/* As samples_clear, with other limits from now on; what one large reply has needed is
 * not kept. */
void samples_restart(struct samples *samples, const struct samples_limits *limits);

size_t samples_count(const struct samples *samples);
size_t samples_dropped(const struct samples *samples);
/* In the order of adding; borrowed until the next add, retain or clear. */
struct sample samples_at(const struct samples *samples, size_t index);
/* Of its family and labels; as long as the process runs. */
uint64_t samples_hash_at(const struct samples *samples, size_t index);

/* Drops those that the profile does not show, and counts them nowhere. */
void samples_show(struct samples *samples, enum metric_profile profile);

/* Drops and counts those that are not to be kept. */
void samples_retain(struct samples *samples,
                    bool (*keeps)(void *context, uint64_t hash), void *context);

#endif
