/* libvirt's test driver never loses its daemon, and forgets this callback instead of
 * freeing it.  These stand before the library's: the test may call what was registered,
 * and it is freed.  For the file of a test's main() alone. */
#ifndef CLOSE_CALLBACK_H
#define CLOSE_CALLBACK_H

#include <libvirt/libvirt.h>
#include <stddef.h>

static struct {
    virConnectCloseFunc callback;
    virFreeCallback free_opaque;
    void *opaque;
} registered;

int
virConnectRegisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback,
                                void *opaque, virFreeCallback free_opaque)
{
    (void)connection;
    registered.callback = callback;
    registered.opaque = opaque;
    registered.free_opaque = free_opaque;
    return 0;
}

int
virConnectUnregisterCloseCallback(virConnectPtr connection,
                                  virConnectCloseFunc callback)
{
    (void)connection;
    if (callback != registered.callback)
        return -1;
    registered.free_opaque(registered.opaque);
    return 0;
}

/* The connection has ended, for one of VIR_CONNECT_CLOSE_REASON_. */
static inline void
close_connection(int reason)
{
    registered.callback(NULL, reason, registered.opaque);
}

#endif
