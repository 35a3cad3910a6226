/* Finds the host's device behind a guest's. */
#include "host_facts.h"

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

/* A disk at this place with another serial than the guest says is not it. */
static bool
host_facts_is_at(const struct host_disk *disk, const char *serial,
                 const char *pci_address)
{
    return *pci_address && strcmp(disk->pci_address, pci_address) == 0 &&
           (!*serial || !*disk->serial);
}

const struct host_disk *
host_facts_disk(const struct host_facts *host, const char *serial,
                const char *pci_address)
{
    const struct host_disk *named = NULL, *placed = NULL;
    size_t named_count = 0, placed_count = 0;
    for (size_t i = 0; host && i < host->disks_count; i++) {
        const struct host_disk *disk = &host->disks[i];
        if (host_facts_has_serial(disk, serial)) {
            named = disk;
            named_count++;
        } else if (host_facts_is_at(disk, serial, pci_address)) {
            placed = disk;
            placed_count++;
        }
    }
    if (named_count > 0)
        return named_count == 1 ? named : NULL;
    return placed_count == 1 ? placed : NULL;
}
