/* What the host knows of a guest's devices, so that a collector can say which of the
 * host's a device of the guest is.  Plain and immutable; the strings are the owner's,
 * and
 * "" where the domain does not say.  Pure. */
#ifndef KIT_HOST_FACTS_H
#define KIT_HOST_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_nic {
    const char *mac;
    const char *target; /* the host's end: vnet3 */
    const char
        *network; /* where it leads: a network, a bridge or a device of the host */
    const char *model;
};

/* Where a guest finds a disk: it is a PCI device, or hangs on one.  The numbers are
 * Linux's and Windows's; of the host's disk those that do not matter are
 * DISK_PLACE_ANY. */
#define DISK_PLACE_ANY (-1)
struct disk_place {
    const char *pci_address; /* 0000:00:06.0, on s390x 0.0.0001; "": not known */
    int64_t bus, target, unit;
};

struct host_disk {
    const char *target; /* vda */
    const char *alias;  /* what its errors are told of; NULL reads as "" */
    const char *source; /* a file, a device, a socket, POOL/VOLUME, PROTOCOL:NAME */
    const char *serial; /* "" unless somebody has given it one */
    struct disk_place place;
    bool shares_place; /* its place is that of its bus: serials tell disks apart */
};

struct host_facts {
    const struct host_nic *nics;
    size_t nics_count;
    const struct host_disk *disks;
    size_t disks_count;
};

/* The host's NIC with this hardware address; NULL if there is none, or more than one.
 * `host` may be NULL. */
const struct host_nic *host_facts_nic(const struct host_facts *host, const char *mac);

/* The host's disk that has this serial; where that says nothing, the one at this place;
 * of several with one serial likewise.  NULL if there is none, or more than one.
 * `host` may be NULL.
 *
 * A guest's serial may be the vendor and the model as well (udev's ID_SERIAL:
 * 0QEMU_QEMU_HARDDISK_abc, of USB with -0:0 behind it, of NVMe with _1), and most
 * disks carry 20 bytes of it.  Where it is quite another, a place that is the disk's
 * alone counts for more. */
const struct host_disk *host_facts_disk(const struct host_facts *host,
                                        const char *serial,
                                        const struct disk_place *place);

#endif
