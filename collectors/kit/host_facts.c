/* Finds the host's device behind a guest's. */
#include "kit/host_facts.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define VIRTIO_SERIAL_BYTES 20

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

static bool
host_facts_has_serial(const struct host_disk *disk, const char *serial)
{
    size_t length = strlen(disk->serial), guest_length = strlen(serial);

    if (length == 0)
        return false;
    if (strcmp(disk->serial, serial) == 0)
        return true;
    if (length > VIRTIO_SERIAL_BYTES && guest_length == VIRTIO_SERIAL_BYTES)
        return strncmp(disk->serial, serial, VIRTIO_SERIAL_BYTES) == 0;
    return guest_length > length && serial[guest_length - length - 1] == '_' &&
           strcmp(serial + guest_length - length, disk->serial) == 0;
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
    enum { PLACED, NAMED, BOTH, WAYS };
    const struct host_disk *found[WAYS] = {NULL};
    size_t counts[WAYS] = {0};
    for (size_t i = 0; host && i < host->disks_count; i++) {
        const struct host_disk *disk = &host->disks[i];
        bool is_named = host_facts_has_serial(disk, serial);
        bool is_placed = host_facts_is_at(disk, place);

        /* A disk at this place with another serial than the guest says is not it. */
        if (!is_named && (!is_placed || (*serial && *disk->serial)))
            continue;
        int way = !is_named ? PLACED : is_placed ? BOTH : NAMED;
        found[way] = disk;
        counts[way]++;
    }
    for (int way = BOTH; way >= PLACED; way--)
        if (counts[way] > 0)
            return counts[way] == 1 ? found[way] : NULL;
    return NULL;
}
