/* libvirt's event loop: one thread for the whole process, because libvirt knows only
 * one. */
#include "source_libvirt_parts.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <signal.h>

/* A daemon that is silent for 5 s × 3 is gone: its connections close, calls come back.
 */
#define KEEP_ALIVE_INTERVAL_S 5
#define KEEP_ALIVE_COUNT 3

/* virEventRunDefaultImpl() would wait for ever where nothing happens. */
#define TICK_MS 500

static struct {
    pthread_t thread;
    bool running; /* the loop thread's */
    atomic_bool stop;
} events;

static void
tick(int timer, void *opaque)
{
    (void)timer;
    (void)opaque;
}

static void
be_silent(void *opaque, virErrorPtr error)
{
    (void)opaque;
    (void)error; /* whoever called reports it; libvirt would write to stderr as well */
}

static void *
run_events(void *unused)
{
    while (!atomic_load(&events.stop)) {
        if (virEventRunDefaultImpl() < 0)
            break;
    }
    return unused;
}

void
libvirt_events_start(void)
{
    sigset_t all, old;

    if (events.running)
        return;
    virInitialize();
    virSetErrorFunc(NULL, be_silent);
    virEventRegisterDefaultImpl();
    virEventAddTimeout(TICK_MS, tick, NULL, NULL);
    atomic_store(&events.stop, false);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    events.running = pthread_create(&events.thread, NULL, run_events, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (events.running)
        pthread_setname_np(events.thread, "libvirt-events");
}

void
libvirt_events_stop(void)
{
    if (!events.running)
        return;
    atomic_store(&events.stop, true);
    pthread_join(events.thread, NULL);
    events.running = false;
}

void
libvirt_keep_alive(void *connection)
{
    virConnectSetKeepAlive(connection, KEEP_ALIVE_INTERVAL_S, KEEP_ALIVE_COUNT);
}
