/* Lanes that look into domains' definitions: what libvirt may wait for a QEMU for
 * stands in nobody's way there. */
#ifndef SOURCE_LIBVIRT_DEFINITION_H
#define SOURCE_LIBVIRT_DEFINITION_H

#include "base/lanes.h"

/* Of struct libvirt_job; the context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_definition_driver;

#endif
