/* A QEMU's NICs and disks, out of its command line.  Pure. */
#ifndef SOURCE_QEMU_DEVICES_H
#define SOURCE_QEMU_DEVICES_H

#include "source/qemu/pci.h"

struct domain_facts;

struct qemu_devices {
    struct qemu_pci pci;
    struct qemu_options_list drives, nodes, nets; /* -blockdev is a node */
};

void qemu_devices_read(const struct qemu_devices *devices, struct domain_facts *facts);

#endif
