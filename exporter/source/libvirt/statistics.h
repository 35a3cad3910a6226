/* A lane that reads the memory statistics of all domains by one call. */
#ifndef SOURCE_LIBVIRT_STATISTICS_H
#define SOURCE_LIBVIRT_STATISTICS_H

#include "base/lanes.h"

/* Of struct libvirt_job; the context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_statistics_driver;

#endif
