/* Where guests find a QEMU's devices on PCI.  Pure. */
#ifndef SOURCE_QEMU_PCI_H
#define SOURCE_QEMU_PCI_H

#include "source/qemu/options.h"

#include <stdbool.h>

#define QEMU_PCI_ADDRESS_BYTES 16

struct qemu_pci {
    struct qemu_options_list devices; /* all -device */
    bool is_q35;
    bool has_more; /* devices that do not stand on the command line (-readconfig) */
};

/* As guests on Linux write it (0000:00:06.0); "" if the command line leaves it to QEMU
 * or to the firmware. */
void qemu_pci_address(const struct qemu_pci *pci, const struct qemu_options *device,
                      char address[QEMU_PCI_ADDRESS_BYTES]);

#endif
