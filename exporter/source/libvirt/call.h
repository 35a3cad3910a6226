/* Calls, and whether a domain is on its way to another host: lanes with one connection
 * each.  QEMU is asked both, and one that hangs costs a lane and not the list of
 * domains. */
#ifndef SOURCE_LIBVIRT_CALL_H
#define SOURCE_LIBVIRT_CALL_H

#include "base/lanes.h"

/* Of struct libvirt_job; the context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_call_driver;

#endif
