/* Subscriptions to what libvirt tells of domains and of its connection: its event
 * thread only posts mail, which libvirt_link hands to the source. */
#ifndef SOURCE_LIBVIRT_SUBSCRIPTIONS_H
#define SOURCE_LIBVIRT_SUBSCRIPTIONS_H

#include "base/mailbox.h"
#include "source/guest_event.h"
#include "source/libvirt/link.h"

#include <stddef.h>

#define SUBSCRIPTIONS_MAX 12

enum libvirt_event_kind {
    LIBVIRT_DOMAIN_STARTED,
    LIBVIRT_DOMAIN_STOPPED,
    LIBVIRT_AGENT_CONNECTED,
    LIBVIRT_AGENT_DISCONNECTED,
    LIBVIRT_DOMAIN_CHANGED,    /* something: look at it */
    LIBVIRT_DOMAIN_MIGRATES,   /* its memory is on its way to another host, or was */
    LIBVIRT_DOMAIN_HAPPENED,   /* something that counts, and that no look can find */
    LIBVIRT_CONNECTION_CLOSED, /* the control connection */
};

struct libvirt_event {
    struct mail mail;
    struct libvirt_link *link; /* a reference */
    enum libvirt_event_kind kind;
    char uuid[UUID_BYTES];
    unsigned int connection;     /* which connection it came by */
    char reason[64];             /* LIBVIRT_CONNECTION_CLOSED */
    struct guest_event happened; /* LIBVIRT_DOMAIN_HAPPENED */
};

struct subscriptions {
    int numbers[SUBSCRIPTIONS_MAX];
    size_t count;
    int qemu_number; /* -1: libvirt hands on no events of QEMU */
};

/* `connection` is a virConnectPtr, of this thread, and `number` what its events bear.
 * 0, or -1: see libvirt's last error; to be closed in either case, before the
 * connection. */
int subscriptions_open(struct subscriptions *subscriptions, void *connection,
                       struct libvirt_link *link, unsigned int number);
void subscriptions_close(struct subscriptions *subscriptions, void *connection);

#endif
