/* What is new is what the last reply did not have. */
#include "guest/novelty.h"

#include "kit/memory.h"

#include <stdbool.h>
#include <stdlib.h>

#define HOUR_NS (INT64_C(3600) * 1000 * 1000 * 1000)

struct admission {
    struct novelty *novelty;
    const struct novelty_known *known;
    int64_t each_ns, now_ns;
};

static int
compare(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

static bool
is_admitted(void *context, uint64_t hash)
{
    const struct admission *admission = context;
    const struct novelty_known *known = admission->known;

    if (known->count > 0 &&
        bsearch(&hash, known->hashes, known->count, sizeof(hash), compare))
        return true;
    if (admission->novelty->spent_ns > admission->now_ns - admission->each_ns)
        return false;
    admission->novelty->spent_ns += admission->each_ns;
    return true;
}

static void
know(struct novelty_known *known, const struct samples *samples)
{
    size_t count = samples_count(samples);

    known->hashes =
        memory_resize(known->hashes, count > 0 ? count : 1, sizeof(*known->hashes));
    for (size_t i = 0; i < count; i++)
        known->hashes[i] = samples_hash_at(samples, i);
    qsort(known->hashes, count, sizeof(*known->hashes), compare);
    known->count = count;
}

void
novelty_admit(struct novelty *novelty, struct novelty_known *known,
              struct samples *samples, unsigned int per_hour, int64_t now_ns)
{
    struct admission admission = {
        .novelty = novelty,
        .known = known,
        .each_ns = per_hour > 0 ? HOUR_NS / per_hour : 0,
        .now_ns = now_ns,
    };

    if (novelty->spent_ns == 0 || novelty->spent_ns < now_ns - HOUR_NS)
        novelty->spent_ns = now_ns - HOUR_NS;
    samples_retain(samples, is_admitted, &admission);
    know(known, samples);
}

void
novelty_clear(struct novelty_known *known)
{
    free(known->hashes);
    *known = (struct novelty_known){.count = 0};
}
