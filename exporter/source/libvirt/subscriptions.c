/* What libvirt's event thread tells, as mail to the loop thread. */
#include "source/libvirt/subscriptions.h"

#include "base/log.h"
#include "kit/memory.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>

/* What callbacks hold; freed by libvirt when the connection lets go of them. */
struct subscription {
    struct libvirt_link *link; /* a reference */
    unsigned int connection;
};

static struct subscription *
subscription_new(struct libvirt_link *link, unsigned int connection)
{
    struct subscription *subscription = memory_new(1, sizeof(*subscription));

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

/* --- libvirt's event thread --- */

static void
event_free(struct libvirt_event *event)
{
    libvirt_link_unref(event->link);
    free(event);
}

static void
event_deliver(struct mail *mail)
{
    struct libvirt_event *event = (struct libvirt_event *)mail;

    if (event->link->source)
        event->link->event(event->link->source, event);
    event_free(event);
}

/* Takes its reference last: whoever frees the subscription gives one up after that. */
static struct libvirt_event *
event_new(const struct subscription *subscription, enum libvirt_event_kind kind)
{
    struct libvirt_event *event = memory_new(1, sizeof(*event));

    event->mail.deliver = event_deliver;
    event->kind = kind;
    event->connection = subscription->connection;
    event->link = libvirt_link_ref(subscription->link);
    return event;
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
        [LIBVIRT_DOMAIN_HAPPENED] = "happened",
        [LIBVIRT_CONNECTION_CLOSED] = "closed",
    };

    return names[kind];
}

static void
post_of(virDomainPtr domain, struct libvirt_event *event)
{
    log_debug("libvirt tells of a domain", LOG_STR("domain", virDomainGetName(domain)),
              LOG_STR("event", event_name(event->kind)));
    if (virDomainGetUUIDString(domain, event->uuid) == 0)
        mailbox_post(event->link->mailbox, &event->mail);
    else
        event_free(event);
}

static void
post_domain_event(virDomainPtr domain, const struct subscription *subscription,
                  enum libvirt_event_kind kind)
{
    post_of(domain, event_new(subscription, kind));
}

/* `disk`: of an I/O error, or NULL. */
static void
post_happened(virDomainPtr domain, const struct subscription *subscription,
              enum guest_event_kind kind, const char *disk)
{
    struct libvirt_event *event = event_new(subscription, LIBVIRT_DOMAIN_HAPPENED);

    event->happened.kind = kind;
    snprintf(event->happened.disk, sizeof(event->happened.disk), "%s",
             disk ? disk : "");
    post_of(domain, event);
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
    else if (event == VIR_DOMAIN_EVENT_CRASHED)
        post_happened(domain, opaque, GUEST_PANICKED, NULL);
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

/* Once for each pass over the guest's memory: QEMU 7.2 tells of the first as it
 * begins, 11.1 when it is over. */
static int
migration_event(virConnectPtr connection, virDomainPtr domain, int pass, void *opaque)
{
    (void)connection;
    (void)pass;
    post_domain_event(domain, opaque, LIBVIRT_DOMAIN_MIGRATES);
    return 0;
}

/* As it begins, and at each of its steps; also at the other end. */
static void
qemu_migration_event(virConnectPtr connection, virDomainPtr domain, const char *event,
                     long long seconds, unsigned int micros, const char *details,
                     void *opaque)
{
    (void)event;
    (void)seconds;
    (void)micros;
    (void)details;
    (void)migration_event(connection, domain, 0, opaque);
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

static void
reboot_event(virConnectPtr connection, virDomainPtr domain, void *opaque)
{
    (void)connection;
    post_happened(domain, opaque, GUEST_REBOOTED, NULL);
}

static void
watchdog_event(virConnectPtr connection, virDomainPtr domain, int action, void *opaque)
{
    (void)connection;
    (void)action;
    post_happened(domain, opaque, GUEST_WATCHDOG, NULL);
}

static void
io_error_event(virConnectPtr connection, virDomainPtr domain, const char *path,
               const char *alias, int action, const char *reason, void *opaque)
{
    (void)connection;
    (void)path;
    (void)action;
    (void)reason;
    post_happened(domain, opaque, GUEST_IO_ERROR, alias);
}

static void
memory_failure_event(virConnectPtr connection, virDomainPtr domain, int recipient,
                     int action, unsigned int flags, void *opaque)
{
    (void)connection;
    (void)recipient;
    (void)action;
    (void)flags;
    post_happened(domain, opaque, GUEST_MEMORY_FAILURE, NULL);
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
    snprintf(event->reason, sizeof(event->reason), "%s", close_reason(reason));
    mailbox_post(event->link->mailbox, &event->mail);
}

/* --- the connection's own thread --- */

/* By way of the type that stands for any function: libvirt's cast alone is a mistake to
 * clang 19. */
#define CALLBACK(function) VIR_DOMAIN_EVENT_CALLBACK((void (*)(void))(function))

/* QEMU's own, which wants the right connect.write where rules limit the user: without
 * it a migration is seen later. */
static void
open_qemu_migration(struct subscriptions *subscriptions, void *connection,
                    struct libvirt_link *link, unsigned int number)
{
    struct subscription *subscription = subscription_new(link, number);

    subscriptions->qemu_number = virConnectDomainQemuMonitorEventRegister(
        connection, NULL, "MIGRATION", qemu_migration_event, subscription,
        subscription_free, 0);
    if (subscriptions->qemu_number < 0)
        subscription_free(subscription);
}

int
subscriptions_open(struct subscriptions *subscriptions, void *connection,
                   struct libvirt_link *link, unsigned int number)
{
    static const struct {
        int id;
        virConnectDomainEventGenericCallback callback;
    } events[] = {
        {VIR_DOMAIN_EVENT_ID_LIFECYCLE, CALLBACK(lifecycle_event)},
        {VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, CALLBACK(agent_event)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, CALLBACK(device_event)},
        {VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, CALLBACK(device_event)},
        {VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, CALLBACK(metadata_event)},
        {VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, CALLBACK(balloon_event)},
        {VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, CALLBACK(migration_event)},
        {VIR_DOMAIN_EVENT_ID_REBOOT, CALLBACK(reboot_event)},
        {VIR_DOMAIN_EVENT_ID_WATCHDOG, CALLBACK(watchdog_event)},
        {VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, CALLBACK(io_error_event)},
        {VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE, CALLBACK(memory_failure_event)},
    };
    struct subscription *subscription = subscription_new(link, number);

    _Static_assert(sizeof(events) / sizeof(events[0]) <= SUBSCRIPTIONS_MAX, "all fit");
    subscriptions->count = 0;
    subscriptions->qemu_number = -1;
    if (virConnectRegisterCloseCallback(connection, connection_closed, subscription,
                                        subscription_free) < 0) {
        subscription_free(subscription);
        return -1;
    }
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        subscription = subscription_new(link, number);
        int id = virConnectDomainEventRegisterAny(connection, NULL, events[i].id,
                                                  events[i].callback, subscription,
                                                  subscription_free);

        if (id < 0) {
            subscription_free(subscription);
            if (events[i].id == VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE)
                continue; /* daemons before 6.9 do not have it */
            return -1;
        }
        subscriptions->numbers[subscriptions->count++] = id;
    }
    open_qemu_migration(subscriptions, connection, link, number);
    return 0;
}

/* Each holds a reference: a connection that is closed with one lives on, and so does
 * its socket if the daemon is well. */
void
subscriptions_close(struct subscriptions *subscriptions, void *connection)
{
    if (subscriptions->qemu_number >= 0)
        (void)virConnectDomainQemuMonitorEventDeregister(connection,
                                                         subscriptions->qemu_number);
    subscriptions->qemu_number = -1;
    while (subscriptions->count > 0)
        (void)virConnectDomainEventDeregisterAny(
            connection, subscriptions->numbers[--subscriptions->count]);
    (void)virConnectUnregisterCloseCallback(connection, connection_closed);
}
