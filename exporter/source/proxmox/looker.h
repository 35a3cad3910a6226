/* Takes an inventory on a lane, and hands over what was seen.  The loop thread alone.
 */
#ifndef SOURCE_PROXMOX_LOOKER_H
#define SOURCE_PROXMOX_LOOKER_H

#include "source/proxmox/inventory.h"

#include <stdbool.h>
#include <stdint.h>

struct mailbox;
struct proxmox_looker;

/* `folders` is copied.  `seen` is borrowed, and told later, never from within
 * proxmox_looker_look(), nor after the stop; and not of a look that could see nothing.
 */
struct proxmox_looker *
proxmox_looker_start(struct mailbox *mailbox, const struct proxmox_folders *folders,
                     void (*done)(void *context, const struct proxmox_seen *seen),
                     void *context);

/* One look at a time: as long as one is under way this does nothing.  Whether one
 * hangs, so that looks go on without the configurations; `now_ns`: CLOCK_MONOTONIC. */
bool proxmox_looker_look(struct proxmox_looker *looker, int64_t now_ns);

/* Waits for its threads until the deadline (CLOCK_MONOTONIC).  Whether all have ended.
 */
bool proxmox_looker_stop(struct proxmox_looker *looker, int64_t deadline_ns);

#endif
