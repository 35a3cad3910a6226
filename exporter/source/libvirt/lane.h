/* Lanes of the libvirt source, each with a connection of its own: what they do, and
 * what those have in common that have no more than that. */
#ifndef SOURCE_LIBVIRT_LANE_H
#define SOURCE_LIBVIRT_LANE_H

#include "base/lanes.h"
#include "source/libvirt/connection.h"

#include <stdbool.h>
#include <stdint.h>

struct libvirt_link;

/* All of struct libvirt_job; the context is a libvirt_link reference. */

/* (Re)connects, subscribes and lists the active domains: one lane. */
extern const struct lanes_driver libvirt_control_driver;
/* Looks at the state of a domain; without a UUID, only the UUIDs of all active domains
 * are listed.  Nothing is asked here for which libvirt waits for a domain's QEMU; but a
 * domain whose lock somebody holds in the daemon costs a lane all the same, and not the
 * events. */
extern const struct lanes_driver libvirt_look_driver;
/* Looks into definitions: what libvirt may wait for a QEMU for stands in nobody's way
 * there. */
extern const struct lanes_driver libvirt_definition_driver;
/* Carries calls.  A QEMU that hangs costs a lane and not the list of domains. */
extern const struct lanes_driver libvirt_call_driver;
/* Reads the memory statistics of all domains by one call. */
extern const struct lanes_driver libvirt_statistics_driver;

struct libvirt_lane {
    struct libvirt_link *link;
    struct libvirt_connection connection;
    bool daemon_waits; /* of definition lanes alone: for the domain's job */
};

void *libvirt_lane_open(void *link);
void libvirt_lane_close(void *lane);
/* Anew, if need be. */
bool libvirt_lane_connect(struct libvirt_lane *lane, struct failure *why);

/* lanes_review(), and the log has `what_hangs` if lanes were given up.  Loop thread. */
unsigned int libvirt_lanes_review(const struct libvirt_link *link, struct lanes *lanes,
                                  int64_t now_ns, int64_t overdue_ns,
                                  const char *what_hangs);

#endif
