/* The control connection: one lane that (re)connects, subscribes and lists the active
 * domains, or looks at the state of one. */
#ifndef SOURCE_LIBVIRT_CONTROL_H
#define SOURCE_LIBVIRT_CONTROL_H

#include "base/lanes.h"

/* Of struct libvirt_job; the context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_control_driver;

#endif
