/* What a guest says of a disk's place and serial (the schema's GuestDiskAddress), and
 * which of the host's disks that is.  Pure. */
#ifndef KIT_GUEST_DISK_H
#define KIT_GUEST_DISK_H

#include "kit/guest_json.h"
#include "kit/host_facts.h"

/* Strings are the reply's; "" where the agent does not say. */
#define GUEST_DISK_CCW_BYTES 16 /* 0.0.0001 */
struct guest_disk {
    const char *serial, *bus;
    char pci_address[GUEST_JSON_PCI_BYTES];
    char ccw_address[GUEST_DISK_CCW_BYTES]; /* of s390x */
    const char *target, *source_file;       /* the host's; "" where it is not found */
};

/* `host` may be NULL. */
void guest_disk_read(const struct guest_json *address, const struct host_facts *host,
                     struct guest_disk *disk);

/* A device's name without /dev/, which some agents put before it. */
const char *guest_disk_device(const char *name);

#endif
