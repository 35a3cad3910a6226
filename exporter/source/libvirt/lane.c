/* A lane with a connection. */
#include "source/libvirt/lane.h"

#include "base/log.h"
#include "kit/memory.h"
#include "source/libvirt/link.h"

#include <stdlib.h>

void *
libvirt_lane_open(void *link)
{
    struct libvirt_lane *lane = memory_new(1, sizeof(*lane));

    lane->link = link;
    return lane;
}

void
libvirt_lane_close(void *state)
{
    struct libvirt_lane *lane = state;

    libvirt_connection_close(&lane->connection);
    free(lane);
}

bool
libvirt_lane_connect(struct libvirt_lane *lane, struct failure *why)
{
    if (libvirt_connection_is_alive(&lane->connection))
        return true;
    libvirt_connection_close(&lane->connection);
    return libvirt_connection_open(&lane->connection, lane->link->uri, lane->link, true,
                                   why);
}

unsigned int
libvirt_lanes_review(const struct libvirt_link *link, struct lanes *lanes,
                     int64_t now_ns, int64_t overdue_ns, const char *what_hangs)
{
    unsigned int given_up = lanes_review(lanes, now_ns, overdue_ns);

    if (given_up > 0)
        log_warn(what_hangs, LOG_STR("uri", link->uri), LOG_INT("given_up", given_up),
                 LOG_INT("lanes", lanes_figures(lanes).lanes));
    return given_up;
}
