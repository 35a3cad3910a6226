/* Each collector's grid, and what moves a guest off it. */
#include "guest/ticks.h"

#include "guest/times.h"

uint64_t
ticks_mixed(uint64_t hash)
{
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}

bool
ticks_is_asked(const struct schedule_settings *settings,
               const struct schedule_guest *guest, size_t collector)
{
    const struct schedule_entry *entry = &guest->entries[collector];

    if (guest->restricted)
        return collector == guest->only && (entry->must || !entry->forbidden);
    return entry->must || (settings->collectors[collector].enabled && !entry->blocked);
}

bool
ticks_has_probe(const struct schedule_settings *settings,
                const struct schedule_guest *guest)
{
    size_t i = 0;

    if (!guest->restricted && !guest->entries[settings->probe].forbidden)
        return true;
    while (i < settings->collectors_count && !ticks_is_asked(settings, guest, i))
        i++;
    return i < settings->collectors_count;
}

size_t
ticks_first_due(const struct schedule_settings *settings,
                const struct schedule_guest *guest, int64_t now_ns, int64_t *due_ns)
{
    size_t first = 0;

    *due_ns = INT64_MAX;
    for (size_t i = 0; i < settings->collectors_count; i++) {
        int64_t entry_due_ns = later(guest->entries[i].due_ns, now_ns);

        if (ticks_is_asked(settings, guest, i) && entry_due_ns < *due_ns) {
            *due_ns = entry_due_ns;
            first = i;
        }
    }
    return first;
}

static int64_t
period_of(const struct schedule_settings *settings, const struct schedule_guest *guest,
          size_t collector)
{
    return settings->collectors[collector].interval_ns
           << guest->entries[collector].stretch;
}

void
ticks_set_next(const struct schedule_settings *settings, struct schedule_guest *guest,
               size_t collector, int64_t now_ns)
{
    if (guest->restricted) {
        guest->entries[collector].due_ns = now_ns + SCHEDULE_FROZEN_NS;
        return;
    }
    int64_t period_ns = period_of(settings, guest, collector);
    uint64_t hash = ticks_mixed(guest->visited ? guest->hash : guest->hash + collector);
    int64_t phase_ns = (int64_t)(hash % (uint64_t)period_ns);
    int64_t earliest_ns = now_ns + period_ns / 2;
    int64_t ticks = (earliest_ns - phase_ns + period_ns - 1) / period_ns;

    guest->entries[collector].due_ns = phase_ns + ticks * period_ns;
}

void
ticks_reset(const struct schedule_settings *settings, struct schedule_guest *guest,
            size_t collector, int64_t now_ns)
{
    int64_t due_ns = guest->entries[collector].due_ns;

    ticks_set_next(settings, guest, collector, now_ns);
    if (due_ns > now_ns)
        guest->entries[collector].due_ns =
            earlier(due_ns, guest->entries[collector].due_ns);
}

void
ticks_stretch(const struct schedule_settings *settings, struct schedule_guest *guest,
              size_t collector)
{
    if (2 * period_of(settings, guest, collector) <= SCHEDULE_STRETCH_MAX_NS)
        guest->entries[collector].stretch++;
}
