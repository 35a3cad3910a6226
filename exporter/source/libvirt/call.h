/* Calls: lanes with one connection each. */
#ifndef SOURCE_LIBVIRT_CALL_H
#define SOURCE_LIBVIRT_CALL_H

#include "base/lanes.h"
#include "source/libvirt/link.h"
#include "source/source.h"

#include <stdbool.h>

/* What a lane is to do for a domain: carry a call, or ask whether the domain is on its
 * way to another host.  QEMU is asked that, and one that hangs costs a lane and not the
 * list of domains. */
struct call_job {
    struct lane_job job;
    struct libvirt_link *link; /* a reference */
    void (*done)(struct source *source, struct call_job *job);
    char uuid[UUID_BYTES];

    struct call *origin;    /* NULL: no call; the loop thread's, not the lane's */
    struct request request; /* copied, and ... */
    int64_t timeout_ns;
    struct answer answer; /* ... the lane's, until it is delivered */

    unsigned int connection; /* for who makes a job that carries no call */
    bool leaving;
};

struct call_job *call_job_new(struct libvirt_link *link, struct call *origin);
/* `done` on the loop thread, if there is still a source; the job is freed after it. */
struct call_job *call_job_new_leaving(struct libvirt_link *link, const char *uuid,
                                      unsigned int connection,
                                      void (*done)(struct source *source,
                                                   struct call_job *job));

/* Driver of the call lanes; its context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_call_driver;

#endif
