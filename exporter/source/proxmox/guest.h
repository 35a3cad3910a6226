/* What a running guest's files mean.  Pure. */
#ifndef SOURCE_PROXMOX_GUEST_H
#define SOURCE_PROXMOX_GUEST_H

#include "source/proxmox/inventory.h"
#include "source/source.h"

#include <stdbool.h>

/* Another number for each process. */
int64_t proxmox_guest_incarnation(const struct proxmox_guest *guest);

enum domain_state proxmox_guest_state(const struct proxmox_guest *guest);

/* `is_connected`: somebody serves the agent's socket.  `asks_undefined`: also a guest
 * whose configuration may not be read is asked. */
enum channel_state proxmox_guest_channel(const struct proxmox_guest *guest,
                                         bool is_connected, bool asks_undefined);

/* Whether two looks have seen the same, but for the socket. */
bool proxmox_guest_is_same(const struct proxmox_guest *a,
                           const struct proxmox_guest *b);

#endif
