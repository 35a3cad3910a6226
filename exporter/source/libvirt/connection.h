/* Connections to libvirt, each used by one thread; another one may cut them off. */
#ifndef SOURCE_LIBVIRT_CONNECTION_H
#define SOURCE_LIBVIRT_CONNECTION_H

#include "kit/failure.h"
#include "source/libvirt/events.h"

#include <stdbool.h>
#include <stdint.h>

/* So long the daemon may take until a connection is open; after that it is cut off. */
#define LIBVIRT_OPEN_TIMEOUT_NS (INT64_C(15) * 1000 * 1000 * 1000)

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

/* What the event loop does for connections that are being opened. */
extern const struct libvirt_events_guard libvirt_connections_guard;

#endif
