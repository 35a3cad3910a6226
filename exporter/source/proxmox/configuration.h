/* A guest's configuration on Proxmox VE, /etc/pve/qemu-server/VMID.conf.  Pure. */
#ifndef SOURCE_PROXMOX_CONFIGURATION_H
#define SOURCE_PROXMOX_CONFIGURATION_H

#include "source/domain_facts.h"
#include "source/qemu/command.h"

#include <stdbool.h>
#include <stddef.h>

struct failure;

#define PROXMOX_VMID_BYTES 12
/* Whoever gives a guest this tag does not want it to be asked. */
#define PROXMOX_TAG_OFF "qga-exporter-off"
/* Settings that are longer are no Proxmox's. */
#define PROXMOX_NAME_BYTES 256
#define PROXMOX_LOCK_BYTES 16
#define PROXMOX_OS_BYTES 16

struct proxmox_configuration {
    char name[PROXMOX_NAME_BYTES];      /* "" if it has none */
    char uuid[QEMU_COMMAND_UUID_BYTES]; /* "" */
    char os[PROXMOX_OS_BYTES];          /* by os-release's ID, or "" */
    char lock[PROXMOX_LOCK_BYTES]; /* what is done to the guest: "backup", "migrate" */
    bool opted_out, is_template;
    size_t strange; /* settings that are not to be understood, and left out */
    struct domain_facts *facts; /* a reference */
};

/* `process`, which may be NULL, is what the guest's QEMU says of itself: the vCPUs and
 * the memory that it has, and where its disks are.  -1: it is no whole configuration.
 */
int proxmox_configuration_parse(const char *vmid, const char *bytes, size_t length,
                                const struct domain_facts *process,
                                struct proxmox_configuration *configuration,
                                struct failure *why);

/* How much of a file to read for that: what stands behind the first section's head is
 * not needed.  Whether there is such a head, so that these bytes are enough. */
bool proxmox_configuration_is_enough(const char *bytes, size_t length);

#endif
