/* A disk of a guest, and the host's behind it. */
#include "kit/guest_disk.h"

#include <string.h>

void
guest_disk_read(const struct guest_json *address, const struct host_facts *host,
                struct guest_disk *disk)
{
    struct disk_place place = {.pci_address = disk->pci_address};

    disk->serial = guest_json_string(address, "serial", GUEST_OPTIONAL);
    disk->bus = guest_json_string(address, "bus-type", GUEST_OPTIONAL);
    guest_json_pci_address(address, "pci-controller", disk->pci_address);
    guest_json_int64(address, "bus", GUEST_OPTIONAL, &place.bus);
    guest_json_int64(address, "target", GUEST_OPTIONAL, &place.target);
    guest_json_int64(address, "unit", GUEST_OPTIONAL, &place.unit);
    const struct host_disk *behind = host_facts_disk(host, disk->serial, &place);
    disk->target = behind ? behind->target : "";
    disk->source_file = behind ? behind->source : "";
}

const char *
guest_disk_device(const char *name)
{
    static const char folder[] = "/dev/";
    bool has_folder = strncmp(name, folder, sizeof(folder) - 1) == 0;

    return has_folder ? name + sizeof(folder) - 1 : name;
}
