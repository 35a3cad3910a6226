/* Finds the host's device behind a guest's. */
#include "kit/host_facts.h"

#include <string.h>
#include <strings.h>

#define CUT_SERIAL_BYTES ((size_t)20)
#define SUFFIX_DIGITS_MAX 3

const struct host_nic *
host_facts_nic(const struct host_facts *host, const char *mac)
{
    const struct host_nic *found = NULL;

    if (!host || !*mac)
        return NULL;
    for (size_t i = 0; i < host->nics_count; i++) {
        if (strcasecmp(host->nics[i].mac, mac) != 0)
            continue;
        if (found)
            return NULL;
        found = &host->nics[i];
    }
    return found;
}

/* The length without a few digits at the end. */
static size_t
host_facts_before_digits(const char *serial, size_t length)
{
    for (int i = 0; i < SUFFIX_DIGITS_MAX && length > 0; i++) {
        if (serial[length - 1] < '0' || serial[length - 1] > '9')
            break;
        length--;
    }
    return length;
}

/* The length without "-0:0" or "_1" at the end. */
static size_t
host_facts_before_suffix(const char *serial, size_t length)
{
    size_t end = host_facts_before_digits(serial, length);

    if (end == length)
        return length;
    if (end > 0 && serial[end - 1] == ':')
        end = host_facts_before_digits(serial, end - 1);
    return end > 0 && strchr("-_", serial[end - 1]) ? end - 1 : length;
}

/* Whether the first `length` bytes of the guest's end with the host's, as a whole word,
 * which may be cut. */
static bool
host_facts_ends_with(const char *serial, size_t length, const char *host)
{
    size_t wanted = strlen(host);

    for (;;) {
        size_t start = length - wanted;

        if (length >= wanted && strncmp(serial + start, host, wanted) == 0 &&
            (start == 0 || serial[start - 1] == '_'))
            return true;
        if (wanted <= CUT_SERIAL_BYTES)
            return false;
        wanted = CUT_SERIAL_BYTES;
    }
}

static bool
host_facts_has_serial(const struct host_disk *disk, const char *serial)
{
    size_t length = strlen(serial);

    if (!*disk->serial)
        return false;
    return host_facts_ends_with(serial, length, disk->serial) ||
           host_facts_ends_with(serial, host_facts_before_suffix(serial, length),
                                disk->serial);
}

static bool
host_facts_is(int64_t wanted, int64_t found)
{
    return wanted == DISK_PLACE_ANY || wanted == found;
}

static bool
host_facts_is_at(const struct host_disk *disk, const struct disk_place *place)
{
    return *place->pci_address &&
           strcmp(disk->place.pci_address, place->pci_address) == 0 &&
           host_facts_is(disk->place.bus, place->bus) &&
           host_facts_is(disk->place.target, place->target) &&
           host_facts_is(disk->place.unit, place->unit);
}

const struct host_disk *
host_facts_disk(const struct host_facts *host, const char *serial,
                const struct disk_place *place)
{
    enum { NAMED_OTHERWISE, PLACED, NAMED, BOTH, WAYS };
    const struct host_disk *found[WAYS] = {NULL};
    size_t counts[WAYS] = {0};
    for (size_t i = 0; host && i < host->disks_count; i++) {
        const struct host_disk *disk = &host->disks[i];
        bool is_named = host_facts_has_serial(disk, serial);
        bool is_placed = host_facts_is_at(disk, place);
        bool differs = !is_named && *serial && *disk->serial;

        if ((!is_named && !is_placed) || (differs && disk->shares_place))
            continue;
        int way = differs     ? NAMED_OTHERWISE
                  : !is_named ? PLACED
                  : is_placed ? BOTH
                              : NAMED;
        found[way] = disk;
        counts[way]++;
    }
    for (int way = BOTH; way >= NAMED_OTHERWISE; way--)
        if (counts[way] > 0)
            return counts[way] == 1 ? found[way] : NULL;
    return NULL;
}
