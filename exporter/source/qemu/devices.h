/* A QEMU's NICs and disks, out of its command line.  Pure. */
#ifndef SOURCE_QEMU_DEVICES_H
#define SOURCE_QEMU_DEVICES_H

#include "source/qemu/options.h"

#include <stdbool.h>

struct domain_facts;

struct qemu_devices {
    struct qemu_options_list devices, drives, nodes, nets; /* -blockdev is a node */
    bool is_q35;
    bool has_more; /* see struct qemu_pci */
};

void qemu_devices_read(const struct qemu_devices *devices, struct domain_facts *facts);

#endif
