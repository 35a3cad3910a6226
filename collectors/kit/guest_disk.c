/* A disk of a guest, and the host's behind it. */
#include "kit/guest_disk.h"

#include <stdio.h>
#include <string.h>

/* As Linux writes it: cssid, ssid and device number. */
static void
guest_disk_ccw_address(const struct guest_json *disk,
                       char address[GUEST_DISK_CCW_BYTES])
{
    struct guest_json ccw;
    int64_t cssid, ssid, devno;

    address[0] = '\0';
    if (!guest_json_object(disk, "ccw-address", GUEST_OPTIONAL, &ccw) ||
        !guest_json_int64(&ccw, "cssid", GUEST_REQUIRED, &cssid) ||
        !guest_json_int64(&ccw, "ssid", GUEST_REQUIRED, &ssid) ||
        !guest_json_int64(&ccw, "devno", GUEST_REQUIRED, &devno))
        return;
    if (cssid < 0 || cssid > 0xff || ssid < 0 || ssid > 0xff || devno < 0 ||
        devno > 0xffff)
        return;
    (void)snprintf(address, GUEST_DISK_CCW_BYTES, "%x.%x.%04x", (unsigned int)cssid,
                   (unsigned int)ssid, (unsigned int)devno);
}

void
guest_disk_read(const struct guest_json *address, const struct host_facts *host,
                struct guest_disk *disk)
{
    struct disk_place place = {.pci_address = disk->pci_address};

    guest_disk_ccw_address(address, disk->ccw_address);
    disk->serial = guest_json_string(address, "serial", GUEST_OPTIONAL);
    disk->bus = guest_json_string(address, "bus-type", GUEST_OPTIONAL);
    guest_json_pci_address(address, "pci-controller", disk->pci_address);
    if (!*disk->pci_address)
        place.pci_address = disk->ccw_address;
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
