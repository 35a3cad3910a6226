/* The control connection: which domains there are.  A lane of its own does what may
 * block; libvirt's event thread only posts mail. */
#include "source/libvirt/control.h"

#include "base/log.h"
#include "kit/memory.h"
#include "source/libvirt/connection.h"
#include "source/libvirt/domain_xml.h"
#include "source/libvirt/error.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSCRIPTIONS_MAX 8

struct control_lane {
    struct libvirt_link *link;
    struct libvirt_connection connection;
    int subscriptions[SUBSCRIPTIONS_MAX];
    size_t subscriptions_count;
};

/* What callbacks hold; freed by libvirt when the connection lets go of them. */
struct subscription {
    struct libvirt_link *link; /* a reference */
    unsigned int connection;
};

static struct subscription *
subscription_new(struct libvirt_link *link, unsigned int connection)
{
    struct subscription *subscription = memory_new(1, sizeof *subscription);

    subscription->link = libvirt_link_ref(link);
    subscription->connection = connection;
    return subscription;
}

static void
subscription_free(void *opaque)
{
    struct subscription *subscription = opaque;

    libvirt_link_unref(subscription->link);
    free(subscription);
}

/* --- events: libvirt's event thread --- */

static void
event_deliver(struct mail *mail)
{
    struct libvirt_event *event = (struct libvirt_event *)mail;

    if (event->link->source)
        event->link->event(event->link->source, event);
    libvirt_event_free(event);
}

static struct libvirt_event *
event_new(const struct subscription *subscription, enum libvirt_event_kind kind)
{
    struct libvirt_event *event = memory_new(1, sizeof *event);

    event->mail.deliver = event_deliver;
    event->link = libvirt_link_ref(subscription->link);
    event->kind = kind;
    event->connection = subscription->connection;
    return event;
}

void
libvirt_event_free(struct libvirt_event *event)
{
    libvirt_link_unref(event->link);
    free(event);
}

static const char *
event_name(enum libvirt_event_kind kind)
{
    static const char *const names[] = {
        [LIBVIRT_DOMAIN_STARTED] = "started",
        [LIBVIRT_DOMAIN_STOPPED] = "stopped",
        [LIBVIRT_AGENT_CONNECTED] = "agent_connected",
        [LIBVIRT_AGENT_DISCONNECTED] = "agent_disconnected",
        [LIBVIRT_DOMAIN_CHANGED] = "changed",
        [LIBVIRT_DOMAIN_MIGRATES] = "migrates",
        [LIBVIRT_CONNECTION_CLOSED] = "closed",
    };

    return names[kind];
}

static void
post_domain_event(virDomainPtr domain, const struct subscription *subscription,
                  enum libvirt_event_kind kind)
{
    struct libvirt_event *event = event_new(subscription, kind);

    log_debug("libvirt tells of a domain", LOG_STR("domain", virDomainGetName(domain)),
              LOG_STR("event", event_name(kind)));
    if (virDomainGetUUIDString(domain, event->uuid) == 0)
        mailbox_post(event->link->mailbox, &event->mail);
    else
        libvirt_event_free(event);
}

static int
lifecycle_event(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                void *opaque)
{
    enum libvirt_event_kind kind = LIBVIRT_DOMAIN_CHANGED;

    (void)connection;
    (void)detail;
    if (event == VIR_DOMAIN_EVENT_STARTED)
        kind = LIBVIRT_DOMAIN_STARTED;
    else if (event == VIR_DOMAIN_EVENT_STOPPED)
        kind = LIBVIRT_DOMAIN_STOPPED;
    else if (event == VIR_DOMAIN_EVENT_DEFINED || event == VIR_DOMAIN_EVENT_UNDEFINED)
        return 0; /* says nothing of a running domain */
    post_domain_event(domain, opaque, kind);
    return 0;
}

static int
agent_event(virConnectPtr connection, virDomainPtr domain, int state, int reason,
            void *opaque)
{
    (void)connection;
    (void)reason;
    post_domain_event(domain, opaque,
                      state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                          ? LIBVIRT_AGENT_CONNECTED
                          : LIBVIRT_AGENT_DISCONNECTED);
    return 0;
}

static int
device_event(virConnectPtr connection, virDomainPtr domain, const char *device,
             void *opaque)
{
    (void)connection;
    (void)device;
    post_domain_event(domain, opaque, LIBVIRT_DOMAIN_CHANGED);
    return 0;
}

static int
metadata_event(virConnectPtr connection, virDomainPtr domain, int type,
               const char *namespace, void *opaque)
{
    (void)connection;
    (void)type;
    (void)namespace;
    post_domain_event(domain, opaque, LIBVIRT_DOMAIN_CHANGED);
    return 0;
}

/* Once for each pass over the guest's memory, the first at the start. */
static int
migration_event(virConnectPtr connection, virDomainPtr domain, int pass, void *opaque)
{
    (void)connection;
    (void)pass;
    post_domain_event(domain, opaque, LIBVIRT_DOMAIN_MIGRATES);
    return 0;
}

static int
balloon_event(virConnectPtr connection, virDomainPtr domain, unsigned long long kib,
              void *opaque)
{
    (void)connection;
    (void)kib;
    post_domain_event(domain, opaque, LIBVIRT_DOMAIN_CHANGED);
    return 0;
}

static const char *
close_reason(int reason)
{
    switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_EOF:
        return "the daemon closed the connection";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
        return "the daemon does not answer keep-alive messages";
    case VIR_CONNECT_CLOSE_REASON_CLIENT:
        return "closed by the exporter";
    default:
        return "an error on the connection";
    }
}

static void
connection_closed(virConnectPtr connection, int reason, void *opaque)
{
    struct libvirt_event *event = event_new(opaque, LIBVIRT_CONNECTION_CLOSED);

    (void)connection;
    snprintf(event->reason, sizeof event->reason, "%s", close_reason(reason));
    mailbox_post(event->link->mailbox, &event->mail);
}

/* --- the control lane --- */

static void *
control_lane_open(void *context)
{
    struct control_lane *lane = memory_new(1, sizeof *lane);

    lane->link = context;
    return lane;
}

static void
disconnect(struct control_lane *lane)
{
    if (!lane->connection.handle)
        return;
    /* Each holds a reference: a connection that is closed with one lives on, and so
     * does its socket if the daemon is well. */
    while (lane->subscriptions_count > 0)
        virConnectDomainEventDeregisterAny(
            lane->connection.handle, lane->subscriptions[--lane->subscriptions_count]);
    virConnectUnregisterCloseCallback(lane->connection.handle, connection_closed);
    libvirt_connection_close(&lane->connection);
}

static void
control_lane_close(void *state)
{
    struct control_lane *lane = state;

    disconnect(lane);
    free(lane);
}

static void
control_lane_release(void *context)
{
    libvirt_link_unref(context);
}

static bool
subscribe(struct control_lane *lane, unsigned int connection)
{
    static const struct {
        int id;
        virConnectDomainEventGenericCallback callback;
    } events[] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(lifecycle_event)},
        {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(agent_event)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(device_event)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(device_event)},
        {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
         VIR_DOMAIN_EVENT_CALLBACK(metadata_event)},
        {VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(balloon_event)},
        {VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
         VIR_DOMAIN_EVENT_CALLBACK(migration_event)},
    };
    struct subscription *subscription = subscription_new(lane->link, connection);

    _Static_assert(sizeof events / sizeof events[0] <= SUBSCRIPTIONS_MAX, "all fit");
    if (virConnectRegisterCloseCallback(lane->connection.handle, connection_closed,
                                        subscription, subscription_free) < 0) {
        subscription_free(subscription);
        return false;
    }
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        subscription = subscription_new(lane->link, connection);
        int number = virConnectDomainEventRegisterAny(lane->connection.handle, NULL,
                                                      events[i].id, events[i].callback,
                                                      subscription, subscription_free);

        if (number < 0) {
            subscription_free(subscription);
            return false;
        }
        lane->subscriptions[lane->subscriptions_count++] = number;
    }
    return true;
}

static bool
is_active(virDomainPtr domain, enum domain_state *state)
{
    int libvirt_state = VIR_DOMAIN_NOSTATE, reason = 0;

    if (virDomainGetState(domain, &libvirt_state, &reason, 0) < 0)
        return false;
    switch (libvirt_state) {
    case VIR_DOMAIN_SHUTOFF:
        return false;
    case VIR_DOMAIN_SHUTDOWN:
        *state = DOMAIN_SHUTDOWN;
        return true;
    case VIR_DOMAIN_PAUSED:
        *state = reason == VIR_DOMAIN_PAUSED_MIGRATION ||
                         reason == VIR_DOMAIN_PAUSED_POSTCOPY
                     ? DOMAIN_MIGRATING
                     : DOMAIN_PAUSED;
        return true;
    case VIR_DOMAIN_CRASHED:
    case VIR_DOMAIN_PMSUSPENDED:
        *state = DOMAIN_PAUSED;
        return true;
    default:
        *state = DOMAIN_RUNNING;
        return true;
    }
}

/* false: it is not there any more. */
static bool
describe(virDomainPtr domain, struct domain_description *description)
{
    struct domain_xml parsed = {.channel = CHANNEL_CONNECTED};

    if (!is_active(domain, &description->state) ||
        virDomainGetUUIDString(domain, description->uuid) < 0)
        return false;

    /* Not allowed to read the XML: ask the agent, and see. */
    char *xml = virDomainGetXMLDesc(domain, 0);
    const virError *error = xml ? NULL : virGetLastError();

    if (error && error->code == VIR_ERR_NO_DOMAIN)
        return false;
    if (xml)
        domain_xml_parse(xml, &parsed);
    free(xml);
    description->name = memory_string(virDomainGetName(domain));
    description->id = (int64_t)virDomainGetID(domain);
    description->channel = parsed.channel;
    description->opted_out = parsed.opted_out;
    memcpy(description->os, parsed.os, sizeof description->os);
    description->facts = parsed.facts;
    return true;
}

static bool
list_domains(struct control_lane *lane, struct control_job *job)
{
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(lane->connection.handle, &domains,
                                         VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    if (count < 0)
        return false;
    job->domains = memory_new((size_t)count, sizeof *job->domains);
    for (int i = 0; i < count; i++) {
        if (describe(domains[i], &job->domains[job->domains_count]))
            job->domains_count++;
        virDomainFree(domains[i]);
    }
    free(domains);
    return libvirt_connection_is_alive(&lane->connection);
}

static void
run_connect(struct control_lane *lane, struct control_job *job)
{
    disconnect(lane);
    if (!libvirt_connection_open(&lane->connection, lane->link->uri, lane->link, false,
                                 &job->failure))
        return;
    if (subscribe(lane, job->connection) && list_domains(lane, job))
        return;
    source_libvirt_last_failure(0, &job->failure);
    disconnect(lane);
}

static void
run_describe(struct control_lane *lane, struct control_job *job)
{
    if (!lane->connection.handle) {
        failure_set(&job->failure, FAILURE_UNAVAILABLE, "not connected to the daemon");
        return;
    }
    virDomainPtr domain =
        virDomainLookupByUUIDString(lane->connection.handle, job->uuid);

    job->domains = memory_new(1, sizeof *job->domains);
    if (domain && describe(domain, job->domains))
        job->domains_count = 1;
    if (job->domains_count > 0 && job->leaving && job->domains->state == DOMAIN_RUNNING)
        job->domains->state = DOMAIN_MIGRATING;
    if (domain)
        virDomainFree(domain);
    if (job->domains_count == 0 && !libvirt_connection_is_alive(&lane->connection))
        failure_set(&job->failure, FAILURE_UNAVAILABLE, "the connection broke");
}

static void
control_lane_run(void *state, struct lane_job *lane_job)
{
    struct control_job *job = (struct control_job *)lane_job;

    if (job->verb == CONTROL_CONNECT)
        run_connect(state, job);
    else
        run_describe(state, job);
}

static void
control_job_deliver(struct mail *mail)
{
    struct control_job *job = (struct control_job *)mail;

    if (job->link->source)
        job->done(job->link->source, job);
    control_job_free(job);
}

struct control_job *
control_job_new(struct libvirt_link *link, enum control_verb verb,
                void (*done)(struct source *source, struct control_job *job))
{
    struct control_job *job = memory_new(1, sizeof *job);

    job->job.mail.deliver = control_job_deliver;
    job->link = libvirt_link_ref(link);
    job->done = done;
    job->verb = verb;
    return job;
}

void
control_job_free(struct control_job *job)
{
    for (size_t i = 0; i < job->domains_count; i++) {
        free(job->domains[i].name);
        domain_facts_unref(job->domains[i].facts);
    }
    free(job->domains);
    libvirt_link_unref(job->link);
    free(job);
}

static void
control_job_drop(struct lane_job *job)
{
    control_job_free((struct control_job *)job);
}

const struct lanes_driver libvirt_control_driver = {
    .open = control_lane_open,
    .run = control_lane_run,
    .close = control_lane_close,
    .drop = control_job_drop,
    .release = control_lane_release,
};
