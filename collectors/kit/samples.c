/* The list of samples with hard limits.  Owns the limits, the refusal of
 * duplicates, and the count of what was dropped.
 *
 * Strings stand in blocks that never move and are used again after a clear.  Duplicates
 * are found by a hash table of indices with linear probing; its hash needs no secret,
 * because a guest that makes all hashes collide costs at most series_max comparisons an
 * entry of a reply whose bytes are limited. */
#include "kit/samples.h"

#include "kit/hash.h"
#include "kit/memory.h"
#include "kit/utf8.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)16 * 1024)
#define FIRST_SAMPLES ((size_t)64) /* most replies make fewer */
/* Clearing more of them costs more than allocating them. */
#define KEPT_SAMPLES ((size_t)256)

struct block {
    struct block *next;
    size_t used, capacity;
    _Alignas(max_align_t) char bytes[];
};

struct stored {
    struct sample sample;
    uint64_t hash;
};

struct samples {
    struct samples_limits limits;
    size_t dropped;
    size_t count, capacity;
    struct stored *stored;
    size_t *slots; /* index + 1 of the sample, 0: free; 2 * capacity of them */
    struct block *blocks, *current;
    size_t undo_used; /* of the current block, before the last samples_reserve() */
};

struct samples *
samples_new(const struct samples_limits *limits)
{
    struct samples *samples = memory_new(1, sizeof(*samples));

    samples->limits = *limits;
    return samples;
}

static void
samples_release(struct samples *samples)
{
    for (struct block *block = samples->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(samples->stored);
    free(samples->slots);
}

void
samples_free(struct samples *samples)
{
    if (!samples)
        return;
    samples_release(samples);
    free(samples);
}

static struct block *
samples_new_block(size_t size)
{
    size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct block *block = memory_new(1, sizeof(*block) + capacity);

    block->capacity = capacity;
    return block;
}

/* Memory that stays where it is until the next clear. */
static void *
samples_reserve(struct samples *samples, size_t size)
{
    const size_t align = _Alignof(max_align_t);

    size = (size + align - 1) / align * align;

    struct block *block = samples->current;
    while (block && block->capacity - block->used < size)
        block = block->next;
    if (!block) {
        block = samples_new_block(size);
        block->next = samples->blocks;
        samples->blocks = block;
    }
    samples->current = block;
    samples->undo_used = block->used;
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

static size_t
samples_label_count(const struct metric *metric)
{
    size_t count = 0;

    while (count < METRIC_LABELS_MAX && metric->labels[count])
        count++;
    return count;
}

/* The label values as kept, in one piece of memory. */
static const char *const *
samples_clean_labels(struct samples *samples, struct label_values labels)
{
    if (labels.count == 0)
        return NULL;

    size_t bytes_max = samples->limits.label_bytes_max;
    size_t size = labels.count * sizeof(char *);
    for (size_t i = 0; i < labels.count; i++)
        size +=
            1 + (labels.values[i] ? utf8_clean(labels.values[i], bytes_max, NULL) : 0);

    const char **kept = samples_reserve(samples, size);
    char *end = (char *)(kept + labels.count);
    for (size_t i = 0; i < labels.count; i++) {
        const char *value = labels.values[i] ? labels.values[i] : "";

        kept[i] = end;
        end += utf8_clean(value, bytes_max, end) + 1;
    }
    return kept;
}

/* Over the labels with their ends, started from the family. */
static uint64_t
samples_hash(const struct metric *metric, const char *const *values, size_t count)
{
    uint64_t hash = HASH_START ^ (uint64_t)(uintptr_t)metric;

    for (size_t i = 0; i < count; i++)
        hash = hash_bytes(hash, values[i], strlen(values[i]) + 1);
    return hash ^ (hash >> 32);
}

static bool
samples_same(const struct sample *sample, const struct metric *metric,
             const char *const *values, size_t count)
{
    if (sample->metric != metric)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(sample->label_values[i], values[i]) != 0)
            return false;
    return true;
}

/* The slot of the sample with these labels, or the free one where it belongs. */
static size_t *
samples_slot(const struct samples *samples, uint64_t hash, const struct metric *metric,
             const char *const *values, size_t count)
{
    size_t size = 2 * samples->capacity;
    size_t at = (size_t)(hash % size);

    while (samples->slots[at] != 0) {
        const struct stored *stored = &samples->stored[samples->slots[at] - 1];

        if (stored->hash == hash &&
            samples_same(&stored->sample, metric, values, count))
            break;
        at = (at + 1) % size;
    }
    return &samples->slots[at];
}

/* The table anew, of zeroed slots. */
static void
samples_fill_slots(struct samples *samples)
{
    size_t size = 2 * samples->capacity;

    for (size_t i = 0; i < samples->count; i++) {
        size_t at = (size_t)(samples->stored[i].hash % size);

        while (samples->slots[at] != 0)
            at = (at + 1) % size;
        samples->slots[at] = i + 1;
    }
}

/* Makes room for one more sample; the table stays at most half full. */
static void
samples_grow(struct samples *samples)
{
    if (samples->count < samples->capacity)
        return;
    size_t capacity = samples->capacity > 0 ? 2 * samples->capacity : FIRST_SAMPLES;
    samples->stored =
        memory_resize(samples->stored, capacity, sizeof(*samples->stored));
    free(samples->slots);
    samples->slots = memory_new(2 * capacity, sizeof(*samples->slots));
    samples->capacity = capacity;
    samples_fill_slots(samples);
}

static void
samples_insert(struct samples *samples, const struct metric *metric, double value,
               struct label_values labels, bool repeat_is_loss)
{
    if (labels.count != samples_label_count(metric)) {
        (void)fprintf(stderr, "qga-exporter: %s: wrong number of labels\n",
                      metric->name);
        abort();
    }
    if (!isfinite(value) || samples->count >= samples->limits.series_max) {
        samples->dropped++;
        return;
    }

    samples_grow(samples);
    const char *const *kept = samples_clean_labels(samples, labels);
    uint64_t hash = samples_hash(metric, kept, labels.count);
    size_t *slot = samples_slot(samples, hash, metric, kept, labels.count);
    if (*slot != 0) {
        if (kept) /* the labels are stored already: give the memory back */
            samples->current->used = samples->undo_used;
        if (repeat_is_loss || samples->stored[*slot - 1].sample.value != value)
            samples->dropped++;
        return;
    }
    *slot = samples->count + 1;
    samples->stored[samples->count++] =
        (struct stored){.sample = {metric, value, kept}, .hash = hash};
}

void
samples_add(struct samples *samples, const struct metric *metric, double value,
            struct label_values labels)
{
    samples_insert(samples, metric, value, labels, true);
}

void
samples_add_once(struct samples *samples, const struct metric *metric, double value,
                 struct label_values labels)
{
    samples_insert(samples, metric, value, labels, false);
}

void
samples_left_out(struct samples *samples, size_t count)
{
    samples->dropped += count;
}

void
samples_clear(struct samples *samples)
{
    samples->count = 0;
    samples->dropped = 0;
    if (samples->slots)
        memset(samples->slots, 0, 2 * samples->capacity * sizeof(*samples->slots));
    for (struct block *block = samples->blocks; block; block = block->next)
        block->used = 0;
    samples->current = samples->blocks;
}

void
samples_restart(struct samples *samples, const struct samples_limits *limits)
{
    if (samples->capacity > KEPT_SAMPLES) {
        samples_release(samples);
        memset(samples, 0, sizeof(*samples));
    }
    samples_clear(samples);
    samples->limits = *limits;
}

size_t
samples_count(const struct samples *samples)
{
    return samples->count;
}

size_t
samples_dropped(const struct samples *samples)
{
    return samples->dropped;
}

struct sample
samples_at(const struct samples *samples, size_t index)
{
    return samples->stored[index].sample;
}

uint64_t
samples_hash_at(const struct samples *samples, size_t index)
{
    return samples->stored[index].hash;
}

/* The first `kept` are those that stay. */
static void
samples_shrink(struct samples *samples, size_t kept)
{
    if (kept == samples->count)
        return;
    samples->count = kept;
    memset(samples->slots, 0, 2 * samples->capacity * sizeof(*samples->slots));
    samples_fill_slots(samples);
}

void
samples_show(struct samples *samples, enum metric_profile profile)
{
    size_t kept = 0;

    for (size_t i = 0; i < samples->count; i++) {
        if (metric_is_shown(samples->stored[i].sample.metric, profile))
            samples->stored[kept++] = samples->stored[i];
    }
    samples_shrink(samples, kept);
}

void
samples_retain(struct samples *samples, bool (*keeps)(void *context, uint64_t hash),
               void *context)
{
    size_t kept = 0;

    for (size_t i = 0; i < samples->count; i++) {
        if (keeps(context, samples->stored[i].hash))
            samples->stored[kept++] = samples->stored[i];
    }
    samples->dropped += samples->count - kept;
    samples_shrink(samples, kept);
}
