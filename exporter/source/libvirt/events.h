/* libvirt's event loop, on a thread of its own, one for all sources. */
#ifndef SOURCE_LIBVIRT_EVENTS_H
#define SOURCE_LIBVIRT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Who watches over sockets before libvirt does. */
struct libvirt_events_guard {
    bool (*adopts)(int fd);  /* the socket is to stay out of the loop; any thread */
    int64_t (*due_ns)(void); /* when something is overdue; CLOCK_MONOTONIC */
    void (*break_off)(int64_t now_ns); /* ends what is */
};

/* The first start begins, and the stop that follows as often ends.  The guard of the
 * first start stays.  Loop thread. */
void libvirt_events_start(const struct libvirt_events_guard *guard);
void libvirt_events_stop(void);
/* Whether the thread runs; one that could not be started is tried again.  Loop thread.
 */
bool libvirt_events_ensure(void);
/* Something may be due earlier.  Any thread. */
void libvirt_events_wake(void);

#endif
