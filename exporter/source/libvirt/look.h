/* Looks at the state of domains, and which there are: lanes with a connection each.
 *
 * Nothing is asked here for which libvirt waits for a domain's QEMU; but a domain whose
 * lock somebody holds in the daemon costs a lane all the same, and not the events. */
#ifndef SOURCE_LIBVIRT_LOOK_H
#define SOURCE_LIBVIRT_LOOK_H

#include "base/lanes.h"

/* Of struct libvirt_job; the context is a libvirt_link reference.  Without a UUID, only
 * the UUIDs of all active domains are listed. */
extern const struct lanes_driver libvirt_look_driver;

#endif
