/* Proxmox VE's files, by their names. */
#include "source/qemu/readconfig.h"

#include "source/qemu/options.h"

#include <stddef.h>
#include <string.h>

#define FOLDER "/usr/share/qemu-server/"
#define BRIDGES_MAX 10

static const struct {
    const char *path;
    const char *bridges[BRIDGES_MAX]; /* closed by NULL */
} files[] = {
    {FOLDER "pve-q35-4.0.cfg",
     {"pcie-root-port,id=ich9-pcie-port-1,bus=pcie.0,addr=1c.0",
      "pcie-root-port,id=ich9-pcie-port-2,bus=pcie.0,addr=1c.1",
      "pcie-root-port,id=ich9-pcie-port-3,bus=pcie.0,addr=1c.2",
      "pcie-root-port,id=ich9-pcie-port-4,bus=pcie.0,addr=1c.3",
      "i82801b11-bridge,id=pcidmi,bus=pcie.0,addr=1e.0",
      "pci-bridge,id=pci.0,bus=pcidmi,addr=1.0",
      "pci-bridge,id=pci.1,bus=pcidmi,addr=2.0",
      "pci-bridge,id=pci.2,bus=pcidmi,addr=3.0",
      "pci-bridge,id=pci.3,bus=pcidmi,addr=4.0"}},
    /* Of machine types before 4.0. */
    {FOLDER "pve-q35.cfg",
     {"ioh3420,id=ich9-pcie-port-1,bus=pcie.0,addr=1c.0",
      "ioh3420,id=ich9-pcie-port-2,bus=pcie.0,addr=1c.1",
      "ioh3420,id=ich9-pcie-port-3,bus=pcie.0,addr=1c.2",
      "ioh3420,id=ich9-pcie-port-4,bus=pcie.0,addr=1c.3",
      "i82801b11-bridge,id=pcidmi,bus=pcie.0,addr=1e.0",
      "pci-bridge,id=pci.0,bus=pcidmi,addr=1.0",
      "pci-bridge,id=pci.1,bus=pcidmi,addr=2.0",
      "pci-bridge,id=pci.2,bus=pcidmi,addr=3.0"}},
    {FOLDER "pve-usb.cfg", {NULL}},
};

bool
qemu_readconfig_add_bridges(const char *path, struct qemu_options_list *devices)
{
    size_t i = 0, count = sizeof(files) / sizeof(files[0]);

    while (i < count && strcmp(files[i].path, path) != 0)
        i++;
    if (i == count)
        return false;
    for (size_t j = 0; j < BRIDGES_MAX && files[i].bridges[j]; j++)
        qemu_options_list_add(devices, files[i].bridges[j], "driver");
    return true;
}
