/* libvirt's test driver never loses its daemon, and forgets this callback instead of
 * freeing it.  These stand before the library's: the test may call what was registered,
 * and it is freed.  For the file of a test's main() alone. */
#ifndef CLOSE_CALLBACK_H
#define CLOSE_CALLBACK_H

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stddef.h>

/* By its connection: one that hangs has another beside it. */
static struct registration {
    virConnectPtr connection;
    virConnectCloseFunc callback;
    virFreeCallback free_opaque;
    void *opaque;
} registrations[8], last;

static pthread_mutex_t registrations_lock = PTHREAD_MUTEX_INITIALIZER;

int
virConnectRegisterCloseCallback(virConnectPtr connection, virConnectCloseFunc callback,
                                void *opaque, virFreeCallback free_opaque)
{
    struct registration *free_one = registrations;

    pthread_mutex_lock(&registrations_lock);
    while (free_one->callback)
        free_one++;
    last = *free_one = (struct registration){connection, callback, free_opaque, opaque};
    pthread_mutex_unlock(&registrations_lock);
    return 0;
}

int
virConnectUnregisterCloseCallback(virConnectPtr connection,
                                  virConnectCloseFunc callback)
{
    struct registration ours = {0};

    pthread_mutex_lock(&registrations_lock);
    for (size_t i = 0; i < sizeof(registrations) / sizeof(registrations[0]); i++) {
        if (registrations[i].connection != connection ||
            registrations[i].callback != callback)
            continue;
        ours = registrations[i];
        registrations[i] = (struct registration){0};
        break;
    }
    pthread_mutex_unlock(&registrations_lock);
    if (!ours.callback)
        return -1;
    ours.free_opaque(ours.opaque);
    return 0;
}

/* The connection has ended, for one of VIR_CONNECT_CLOSE_REASON_. */
static inline void
close_connection(int reason)
{
    last.callback(NULL, reason, last.opaque);
}

#endif
