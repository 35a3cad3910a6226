/* Files with options for QEMU (-readconfig).  Those of Proxmox VE never change, because
 * guests migrate between its versions, so what they hold is known without reading them.
 * Pure. */
#ifndef SOURCE_QEMU_READCONFIG_H
#define SOURCE_QEMU_READCONFIG_H

#include <stdbool.h>

struct qemu_options_list;

/* Adds the bridges in it to the devices.  False: it is not known what is in it. */
bool qemu_readconfig_add_bridges(const char *path, struct qemu_options_list *devices);

#endif
