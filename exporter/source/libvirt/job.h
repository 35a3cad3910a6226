/* What a lane does for the source, and what it brings back. */
#ifndef SOURCE_LIBVIRT_JOB_H
#define SOURCE_LIBVIRT_JOB_H

#include "base/lanes.h"
#include "source/balloon.h"
#include "source/libvirt/domain_xml.h"
#include "source/libvirt/link.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is told of a domain at once, whatever its QEMU does. */
struct domain_description {
    char uuid[UUID_BYTES];
    char *name;
    int64_t id; /* of the running domain; another one after each start */
    enum domain_state state;
    enum pause_reason pause; /* DOMAIN_PAUSED */
    bool is_vague; /* libvirt could not tell the state: it is to be asked again */
};

/* What its definition says, for which libvirt may wait for its QEMU. */
struct domain_definition {
    enum {
        DEFINITION_AWAITED, /* libvirt could not tell it now */
        DEFINITION_READ,
        DEFINITION_REFUSED, /* the job's failure says why */
    } outcome;
    bool leaves; /* it is on its way to another host; if that was to be found out */
    struct domain_xml xml;
    char *unread; /* owned; instead of `xml`, with libvirt_link.leaves_xml */
};

struct domain_balloon {
    char uuid[UUID_BYTES];
    struct balloon balloon;
};

struct libvirt_job {
    struct lane_job job;
    struct libvirt_link *link; /* a reference */
    /* On the loop thread, if there is still a source; the job is freed after it. */
    void (*done)(struct source *source, struct libvirt_job *job);
    void *context;           /* for `done` */
    unsigned int connection; /* the control connection's number as it was made */
    char uuid[UUID_BYTES];   /* the domain that it is about; "": all that are active */

    struct call *call;      /* NULL: none; the loop thread's, not the lane's */
    struct request request; /* of the call, whose timeout is the lane_job's, ... */
    struct answer answer;   /* ... or of what else was asked */

    /* What was seen: with a UUID, none means that it is gone. */
    struct domain_description *domains;
    size_t domains_count;

    struct domain_balloon *balloons; /* of the domains that told it */
    size_t balloons_count;

    bool migrates; /* whether it still does is to be found out, too */
    struct domain_definition definition;
};

struct libvirt_job *
libvirt_job_new(struct libvirt_link *link, const char *uuid, unsigned int connection,
                void (*done)(struct source *source, struct libvirt_job *job));
void libvirt_job_drop(struct lane_job *job); /* any thread */

#endif
