/* The parts of the libvirt source: what its two kinds of lanes do, and how both find
 * back.  No libvirt type is named here; libvirt's headers stay in the .c files. */
#ifndef SOURCE_LIBVIRT_PARTS_H
#define SOURCE_LIBVIRT_PARTS_H

#include "base/lanes.h"
#include "base/mailbox.h"
#include "source/libvirt/domain_xml.h"
#include "source/source.h"

#include <stdatomic.h>

#define UUID_BYTES 37 /* VIR_UUID_STRING_BUFLEN */

/* What lanes, callbacks and the source share.  Reference-counted; `source` is the loop
 * thread's alone and NULL once the source was stopped, so late mail finds nobody. */
struct libvirt_link {
    atomic_uint references;
    char *uri;
    struct mailbox *mailbox;
    struct source *source;
};

struct libvirt_link *libvirt_link_new(const char *uri, struct mailbox *mailbox,
                                      struct source *source);
struct libvirt_link *libvirt_link_ref(struct libvirt_link *link); /* any thread */
void libvirt_link_unref(struct libvirt_link *link);               /* any thread */

/* --- control: one lane that connects, lists and describes; libvirt's event thread ---
 */

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
    enum control_verb verb;
    char uuid[UUID_BYTES];   /* CONTROL_DESCRIBE */
    bool leaving;            /* ... which is on its way to another host */
    unsigned int connection; /* CONTROL_CONNECT: its number, see struct libvirt_event */

    struct domain_description *domains; /* count 0: the described domain is gone */
    size_t domains_count;
    struct failure failure;
};

struct control_job *control_job_new(struct libvirt_link *link, enum control_verb verb);
void control_job_free(struct control_job *job);

/* Driver of the control lane; its context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_control_driver;

enum libvirt_event_kind {
    LIBVIRT_DOMAIN_STARTED,
    LIBVIRT_DOMAIN_STOPPED,
    LIBVIRT_AGENT_CONNECTED,
    LIBVIRT_DOMAIN_CHANGED,    /* something: look at it */
    LIBVIRT_DOMAIN_MIGRATES,   /* its memory is being sent to another host */
    LIBVIRT_CONNECTION_CLOSED, /* the control connection */
};

struct libvirt_event {
    struct mail mail;
    struct libvirt_link *link; /* a reference */
    enum libvirt_event_kind kind;
    char uuid[UUID_BYTES];
    unsigned int connection; /* which connection it came by */
    char reason[64];         /* LIBVIRT_CONNECTION_CLOSED */
};

void libvirt_event_free(struct libvirt_event *event);

/* Where mail goes (source/libvirt/source.c); on the loop thread, link->source is not
 * NULL. */
void source_libvirt_control_done(struct source *source, struct control_job *job);
void source_libvirt_event(struct source *source, const struct libvirt_event *event);
struct call_job;
void source_libvirt_leaving_known(struct source *source, const struct call_job *job);

/* Starts libvirt's event loop on a thread of its own, once for all sources; ends it. */
void libvirt_events_start(void);
void libvirt_events_stop(void);
/* Any thread. */
void libvirt_events_wake(void);

/* --- connections --- */

/* One thread's, but for its end by libvirt_connections_sever(). */
struct libvirt_connection {
    void *handle; /* virConnectPtr; NULL: closed */
    const void *owner;
    bool for_calls;
    int socket;          /* a duplicate of libvirt's; -1: none */
    int64_t deadline_ns; /* CLOCK_MONOTONIC; of its opening; INT64_MAX: it is open */
    bool severed;
    struct libvirt_connection *prev, *next;
};

/* Blocks for a bounded time; false: see `why`.  One that is `for_calls` is outside of
 * the event loop and has no events and no keep-alive; the others have both.
 * `connection` is zeroed or closed before, stays where it is, and is to be closed. */
bool libvirt_connection_open(struct libvirt_connection *connection, const char *uri,
                             const void *owner, bool for_calls, struct failure *why);
bool libvirt_connection_is_alive(const struct libvirt_connection *connection);
void libvirt_connection_close(struct libvirt_connection *connection);
/* Calls on the owner's connections for calls come back; they are dead from then on. Any
 * thread. */
void libvirt_connections_sever(const void *owner);

/* For the event loop: whether the socket is to stay out of it; when an opening is
 * overdue; to break such off. */
bool libvirt_connection_adopts(int fd);
int64_t libvirt_connections_due_ns(void);
void libvirt_connections_break_off(int64_t now_ns);

/* --- calls: lanes with one connection each --- */

struct call_job {
    struct lane_job job;
    struct libvirt_link *link; /* a reference */
    struct call *origin;       /* the loop thread's; not touched by the lane */
    char uuid[UUID_BYTES];
    struct call answer; /* the lane's copy: request in, answer out */

    /* Without an origin: whether the domain is on its way to another host.  QEMU is
     * asked that, and one that hangs costs a lane and not the list of domains. */
    unsigned int connection;
    bool leaving;
};

struct call_job *call_job_new(struct libvirt_link *link, struct call *origin);
struct call_job *call_job_new_leaving(struct libvirt_link *link, const char *uuid,
                                      unsigned int connection);
void call_job_free(struct call_job *job);

/* Driver of the call lanes; its context is a libvirt_link reference. */
extern const struct lanes_driver libvirt_call_driver;

#endif
