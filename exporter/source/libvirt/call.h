/* Calls: lanes with one connection each. */
#ifndef SOURCE_LIBVIRT_CALL_H
#define SOURCE_LIBVIRT_CALL_H

#include "base/lanes.h"
#include "source/libvirt/link.h"
#include "source/source.h"

#include <stdbool.h>

struct call_job {
    struct lane_job job;
    struct libvirt_link *link; /* a reference */
    struct call *origin;       /* the loop thread's; not touched by the lane */
    char uuid[UUID_BYTES];
    struct request request; /* copied, and ... */
    int64_t timeout_ns;
    struct answer answer; /* ... the lane's, until it is delivered */

    /* Without an origin: whether the domain is on its way to another host.  QEMU is
     * asked that, and one that hangs costs a lane and not the list of domains. */
    unsigned int connection;
    bool leaving;
    void (*leaving_known)(struct source *source, const struct call_job *job);
};

struct call_job *call_job_new(struct libvirt_link *link, struct call *origin);
/* `leaving_known` on the loop thread, if there is still a source. */
struct call_job *call_job_new_leaving(
    struct libvirt_link *link, const char *uuid, unsigned int connection,
    void (*leaving_known)(struct source *source, const struct call_job *job));
void call_job_free(struct call_job *job);

/* Driver of the call lanes; its context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_call_driver;

#endif
