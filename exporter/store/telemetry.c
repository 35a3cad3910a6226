/* Counts what the exporter does. */
#include "store/telemetry.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "store/telemetry_inside.h"

#include <stdlib.h>
#include <string.h>

/* Upper bounds of the histograms, in ns and as the label `le` in seconds, a float as
 * OpenMetrics has it, so that it is the same series in both formats: from a call
 * on an idle host to libvirt's longest, which waits up to 30 s for its agent job and
 * then for the agent. */
const struct telemetry_bound telemetry_bounds[TELEMETRY_BOUNDS] = {
    {1000000, "0.001"},    {2500000, "0.0025"},   {5000000, "0.005"},
    {10000000, "0.01"},    {25000000, "0.025"},   {50000000, "0.05"},
    {100000000, "0.1"},    {250000000, "0.25"},   {500000000, "0.5"},
    {1000000000, "1.0"},   {2500000000, "2.5"},   {5000000000, "5.0"},
    {10000000000, "10.0"}, {40000000000, "40.0"},
};

/* What the web answers the telemetry path with. */
const struct telemetry_code telemetry_codes[TELEMETRY_CODES] = {
    {200, "200"}, {401, "401"}, {405, "405"}, {413, "413"}, {0, "other"}};

static size_t
names_count(const char *const *names)
{
    size_t count = 0;

    while (names[count])
        count++;
    return count;
}

struct telemetry *
telemetry_new(const char *const *commands, const char *const *states)
{
    struct telemetry *telemetry = memory_new(1, sizeof(*telemetry));

    telemetry->commands_count = names_count(commands);
    telemetry->commands =
        memory_new(telemetry->commands_count, sizeof(*telemetry->commands));
    for (size_t i = 0; i < telemetry->commands_count; i++)
        telemetry->commands[i].name = commands[i];
    telemetry->states = states;
    telemetry->guests = memory_new(names_count(states), sizeof(*telemetry->guests));
    /* Milliseconds are enough, and the number is the same in every scrape. */
    telemetry->start_realtime_ns = clock_realtime_ns() / NS_PER_MS * NS_PER_MS;
    telemetry_turned(telemetry, telemetry->start_realtime_ns);
    telemetry_reload(telemetry, true, telemetry->start_realtime_ns);
    telemetry_web_reload(telemetry, true, telemetry->start_realtime_ns);
    return telemetry;
}

void
telemetry_free(struct telemetry *telemetry)
{
    if (!telemetry)
        return;
    while (telemetry->source_names) {
        struct telemetry_source_name *first = telemetry->source_names;

        telemetry->source_names = first->next;
        free(first->name);
        free(first);
    }
    free(telemetry->commands);
    free(telemetry->guests);
    free(telemetry);
}

static void
histogram_add(struct telemetry_histogram *histogram, int64_t ns)
{
    size_t bucket = 0;

    while (bucket < TELEMETRY_BOUNDS && ns > telemetry_bounds[bucket].ns)
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    if (ns > 0)
        atomic_fetch_add_explicit(&histogram->sum_ns, (uint64_t)ns,
                                  memory_order_relaxed);
}

void
telemetry_call(struct telemetry *telemetry, size_t command, enum failure_kind outcome,
               int64_t duration_ns)
{
    struct telemetry_command *row = &telemetry->commands[command];

    atomic_fetch_add_explicit(&row->outcomes[outcome], 1, memory_order_relaxed);
    histogram_add(&row->duration, duration_ns);
}

void
telemetry_lateness(struct telemetry *telemetry, int64_t lateness_ns)
{
    histogram_add(&telemetry->lateness, lateness_ns);
}

void
telemetry_guests(struct telemetry *telemetry, size_t state, size_t count)
{
    atomic_store_explicit(&telemetry->guests[state], count, memory_order_relaxed);
}

void
telemetry_name_conflict(struct telemetry *telemetry)
{
    atomic_fetch_add_explicit(&telemetry->name_conflicts, 1, memory_order_relaxed);
}

void
telemetry_paused(struct telemetry *telemetry, bool paused)
{
    atomic_store(&telemetry->paused, paused);
}

void
telemetry_turned(struct telemetry *telemetry, int64_t realtime_ns)
{
    atomic_store(&telemetry->turn_realtime_ns, realtime_ns / NS_PER_MS * NS_PER_MS);
}

void
telemetry_reload(struct telemetry *telemetry, bool successful, int64_t realtime_ns)
{
    atomic_store(&telemetry->reload_successful, successful);
    if (successful)
        atomic_store(&telemetry->reload_realtime_ns, realtime_ns);
}

void
telemetry_web_reload(struct telemetry *telemetry, bool successful, int64_t realtime_ns)
{
    atomic_store(&telemetry->web_reload_successful, successful);
    if (successful)
        atomic_store(&telemetry->reload_realtime_ns, realtime_ns);
}

void
telemetry_scrape(struct telemetry *telemetry, unsigned int http_status,
                 size_t body_bytes)
{
    size_t code = 0;

    while (telemetry_codes[code].status != http_status &&
           telemetry_codes[code].status != 0)
        code++;
    atomic_fetch_add_explicit(&telemetry->scrapes[code], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&telemetry->scrape_bytes, body_bytes,
                              memory_order_relaxed);
}

static const char *
source_name_keep(struct telemetry *telemetry, const char *name)
{
    for (struct telemetry_source_name *kept = telemetry->source_names; kept;
         kept = kept->next)
        if (strcmp(kept->name, name) == 0)
            return kept->name;
    struct telemetry_source_name *kept = memory_new(1, sizeof(*kept));
    kept->name = memory_string(name);
    kept->next = telemetry->source_names;
    telemetry->source_names = kept;
    return kept->name;
}

static void
tell(struct telemetry *telemetry, size_t row, enum telemetry_figure figure,
     uint64_t value)
{
    struct telemetry_source *source = &telemetry->sources[row];

    atomic_store(&source->figures[figure].value, value);
    atomic_store(&source->figures[figure].told, true);
}

size_t
telemetry_source_add(struct telemetry *telemetry, const char *name)
{
    size_t row = 0;

    while (row < TELEMETRY_SOURCES_MAX && atomic_load(&telemetry->sources[row].name))
        row++;
    if (row == TELEMETRY_SOURCES_MAX)
        return row;
    struct telemetry_source *source = &telemetry->sources[row];
    for (size_t i = 0; i < FIGURES; i++)
        atomic_store(&source->figures[i].told, false);
    tell(telemetry, row, FIGURE_UP, false);
    atomic_store(&source->name, source_name_keep(telemetry, name));
    return row;
}

void
telemetry_source_remove(struct telemetry *telemetry, size_t row)
{
    atomic_store(&telemetry->sources[row].name, NULL);
}

void
telemetry_source_up(struct telemetry *telemetry, size_t row, bool up)
{
    tell(telemetry, row, FIGURE_UP, up);
}

void
telemetry_lanes(struct telemetry *telemetry, size_t row, size_t lanes_count,
                size_t in_use, uint64_t abandoned_total)
{
    tell(telemetry, row, FIGURE_LANES, lanes_count);
    tell(telemetry, row, FIGURE_LANES_IN_USE, in_use);
    tell(telemetry, row, FIGURE_LANES_ABANDONED, abandoned_total);
}

void
telemetry_sockets_beyond(struct telemetry *telemetry, size_t row, size_t count)
{
    tell(telemetry, row, FIGURE_SOCKETS_BEYOND, count);
}

void
telemetry_balloons_silent(struct telemetry *telemetry, size_t row, size_t count)
{
    tell(telemetry, row, FIGURE_BALLOONS_SILENT, count);
}
