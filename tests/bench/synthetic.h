/* A store of guests that nobody asks: what the exporter would hold of GUESTS (1000). */
#ifndef BENCH_SYNTHETIC_H
#define BENCH_SYNTHETIC_H

#include "collector.h"
#include "guest/state.h"
#include "poll/publish.h"
#include "store/store.h"
#include "store/telemetry.h"
#include "store/telemetry_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_PER_GUEST 138
#define SYNTHETIC_IDENTITY 64
#define FIRST_IDENTITY "domain=\"web-server-0\""

struct synthetic {
    struct store *store;
    struct telemetry *telemetry;
    struct store_guest *first, **guests;
    struct store_part parts[PUBLISH_SLOTS_MAX + TELEMETRY_PARTS];
    size_t guest_parts;
};

static inline size_t
synthetic_guests(void)
{
    const char *wanted = getenv("GUESTS");

    return wanted ? strtoul(wanted, NULL, 10) : 1000;
}

/* As many series of the parts' families as are wanted, some with several labels. */
static inline void
synthetic_put(const struct synthetic *synthetic, struct store_guest *guest,
              const char *identity, double value)
{
    static const struct samples_limits limits = {.series_max = 1000,
                                                 .label_bytes_max = 256};
    static const char *const words[METRIC_LABELS_MAX] = {
        "enp1s0", "ext4", "/var/lib/data", "ipv4", "x", "x",
        "x",      "x",    "Debian",        "12",   "x", "x",
        "x",      "x"};
    struct samples *samples = samples_new(&limits);
    const struct store_part *parts = synthetic->parts;
    size_t left = SERIES_PER_GUEST;

    for (size_t i = 0; i < synthetic->guest_parts; i++) {
        samples_clear(samples);
        for (size_t f = 0; parts[i].families[f]; f++) {
            const struct metric *metric = parts[i].families[f];
            size_t labels = 0;

            while (metric->labels[labels])
                labels++;
            for (int repeat = 0; repeat < (labels > 0 ? 3 : 1) && left > 0; repeat++) {
                const char *values[METRIC_LABELS_MAX];
                char first[16];

                memcpy(values, words, sizeof(values));
                (void)snprintf(first, sizeof(first), "vda%d", repeat);
                values[0] = first;
                samples_add(samples, metric, value + (double)left / 1000,
                            (struct label_values){values, labels});
                left--;
            }
        }
        if (samples_count(samples) > 0)
            store_put(synthetic->store, guest, i,
                      exposition_render(identity, parts[i].families, samples),
                      INT64_MAX);
    }
    if (left > 0)
        abort();
    samples_free(samples);
}

static inline void
synthetic_identity(char identity[static SYNTHETIC_IDENTITY], size_t guest)
{
    (void)snprintf(identity, SYNTHETIC_IDENTITY, "domain=\"web-server-%zu\"", guest);
}

static inline struct synthetic
synthetic_new(size_t guests)
{
    static const char *const commands[] = {"guest-info", NULL};
    struct synthetic synthetic = {.telemetry =
                                      telemetry_new(commands, agent_state_names)};

    synthetic.guests = calloc(guests + 1, sizeof(*synthetic.guests));
    if (!synthetic.guests)
        abort();
    synthetic.guest_parts = publish_slots(synthetic.parts);
    memcpy(synthetic.parts + synthetic.guest_parts, telemetry_parts,
           sizeof(telemetry_parts));
    synthetic.store = store_new(
        synthetic.parts, synthetic.guest_parts + TELEMETRY_PARTS, synthetic.telemetry);
    for (size_t i = 0; i < guests; i++) {
        char identity[SYNTHETIC_IDENTITY];

        synthetic_identity(identity, i);
        synthetic.guests[i] = store_guest_add(synthetic.store, identity);
        synthetic_put(&synthetic, synthetic.guests[i], identity, (double)i);
    }
    synthetic.first = guests > 0 ? synthetic.guests[0] : NULL;
    return synthetic;
}

static inline void
synthetic_free(struct synthetic *synthetic)
{
    store_free(synthetic->store);
    telemetry_free(synthetic->telemetry);
    free(synthetic->guests);
}

#endif
