/* The control connection: one lane that connects, lists and describes. */
#ifndef SOURCE_LIBVIRT_CONTROL_H
#define SOURCE_LIBVIRT_CONTROL_H

#include "base/lanes.h"
#include "kit/failure.h"
#include "source/libvirt/domain_xml.h"
#include "source/libvirt/link.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct domain_description {
    char uuid[UUID_BYTES];
    char *name;
    int64_t id; /* of the running domain; another one after each start */
    enum domain_state state;
    enum channel_state channel;
    bool opted_out;
    char os[DOMAIN_XML_OS_BYTES];
    struct domain_facts *facts; /* a reference; NULL: we may not read the definition */
};

enum control_verb {
    CONTROL_CONNECT,  /* (re)connect, subscribe, list all active domains */
    CONTROL_DESCRIBE, /* look at one domain */
};

struct control_job {
    struct lane_job job;
    struct libvirt_link *link; /* a reference */
    void (*done)(struct source *source, struct control_job *job);
    enum control_verb verb;
    char uuid[UUID_BYTES];   /* CONTROL_DESCRIBE */
    bool leaving;            /* ... which is on its way to another host */
    unsigned int connection; /* CONTROL_CONNECT: its number, see struct libvirt_event */

    struct domain_description *domains; /* count 0: the described domain is gone */
    size_t domains_count;
    struct failure failure;
};

/* `done` on the loop thread, if there is still a source; the job is freed after it. */
struct control_job *control_job_new(struct libvirt_link *link, enum control_verb verb,
                                    void (*done)(struct source *source,
                                                 struct control_job *job));
void control_job_free(struct control_job *job);

/* Driver of the control lane; its context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_control_driver;

#endif
