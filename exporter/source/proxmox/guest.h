/* What a running guest's files mean.  Pure. */
#ifndef SOURCE_PROXMOX_GUEST_H
#define SOURCE_PROXMOX_GUEST_H

#include "source/proxmox/inventory.h"
#include "source/source.h"

#include <stdbool.h>

/* Another number for each process. */
int64_t proxmox_guest_incarnation(const struct proxmox_guest *guest);
bool proxmox_guest_has_started(const struct proxmox_guest *before,
                               const struct proxmox_guest *now);
/* Another thread has read its configuration, and now it cannot be read: what was known
 * of this process holds.  The reference is before's. */
void proxmox_guest_keep_configuration(const struct proxmox_guest *before,
                                      struct proxmox_guest *now);

enum domain_state proxmox_guest_state(const struct proxmox_guest *guest);

/* `is_connected`: somebody serves the agent's socket.  `asks_undefined`: also a guest
 * whose configuration may not be read is asked. */
enum channel_state proxmox_guest_channel(const struct proxmox_guest *guest,
                                         bool is_connected, bool asks_undefined);

/* Whether two looks have seen the same, but for the socket. */
bool proxmox_guest_is_same(const struct proxmox_guest *a,
                           const struct proxmox_guest *b);

#endif
