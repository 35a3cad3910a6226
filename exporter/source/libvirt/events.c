/* libvirt's event loop: one thread for the whole process, because libvirt knows only
 * one.
 *
 * libvirt's own loop is not used, because it takes every socket: before and after each
 * call the caller takes its socket from the loop and gives it back, and there each of
 * these wakes the event thread, which made up a quarter of the exporter's CPU time.
 * Here the guard keeps the sockets of calls out, and for the others the change is one
 * system call (epoll_ctl), while the event thread sleeps on. */
#include "source/libvirt/events.h"

#include "base/clock.h"
#include "base/thread.h"
#include "kit/memory.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#define READY_MAX 16
#define WAIT_MAX_MS 60000

/* A handle (of a socket) or a timeout, as libvirt calls them. */
struct item {
    int id;
    int fd;          /* -1: a timeout */
    int events;      /* of a handle; 0: asleep, not in the epoll set */
    int interval_ms; /* of a timeout; negative: asleep */
    int64_t due_ns;  /* of a timeout; INT64_MAX: asleep */
    bool removed;    /* to be freed by the event thread */
    virEventHandleCallback handle_callback;
    virEventTimeoutCallback timeout_callback;
    void *opaque;
    virFreeCallback free_opaque;
    struct item *prev, *next;
};

static struct {
    pthread_t thread;
    unsigned int users; /* the loop thread's, as the next two */
    bool running;
    bool registered;
    const struct libvirt_events_guard *guard;
    atomic_bool stop;
    int epoll, wake;

    pthread_mutex_t lock; /* all below */
    struct item *items;
    int last_id;
    int64_t sleeping_until_ns; /* 0: the event thread is awake */
} events = {.lock = PTHREAD_MUTEX_INITIALIZER};

void
libvirt_events_wake(void)
{
    const uint64_t one = 1;

    if (write(events.wake, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is awake */
}

/* --- what libvirt calls, from any thread --- */

static struct item *
find_item(int id)
{
    struct item *item;

    DL_FOREACH (events.items, item) {
        if (item->id == id && !item->removed)
            return item;
    }
    return NULL;
}

static uint32_t
epoll_events(int wanted)
{
    return (wanted & VIR_EVENT_HANDLE_READABLE ? (uint32_t)EPOLLIN : 0) |
           (wanted & VIR_EVENT_HANDLE_WRITABLE ? (uint32_t)EPOLLOUT : 0);
}

/* A sleeping handle is taken out, because a hang-up would be reported all the same. */
static int
set_events(struct item *item, int wanted)
{
    struct epoll_event event = {.events = epoll_events(wanted),
                                .data.u64 = (uint64_t)item->id};
    int operation = wanted == 0         ? EPOLL_CTL_DEL
                    : item->events == 0 ? EPOLL_CTL_ADD
                                        : EPOLL_CTL_MOD;

    if (item->events == wanted)
        return 0;
    item->events = wanted;
    return epoll_ctl(events.epoll, operation, item->fd, &event);
}

static void
set_interval(struct item *item, int interval_ms)
{
    item->interval_ms = interval_ms;
    item->due_ns =
        interval_ms < 0 ? INT64_MAX : clock_monotonic_ns() + interval_ms * NS_PER_MS;
    if (item->due_ns < events.sleeping_until_ns)
        libvirt_events_wake();
}

static int
add_item(struct item *item)
{
    item->id = ++events.last_id;
    DL_APPEND(events.items, item);
    return item->id;
}

static int
add_handle(int fd, int wanted, virEventHandleCallback callback, void *opaque,
           virFreeCallback free_opaque)
{
    if (events.guard->adopts(fd))
        return -1; /* libvirt does without events there */
    struct item *item = memory_new(1, sizeof(*item));
    int id = -1;

    *item = (struct item){.fd = fd,
                          .due_ns = INT64_MAX,
                          .handle_callback = callback,
                          .opaque = opaque,
                          .free_opaque = free_opaque};
    pthread_mutex_lock(&events.lock);
    item->id = events.last_id + 1;
    if (set_events(item, wanted) == 0)
        id = add_item(item);
    pthread_mutex_unlock(&events.lock);
    if (id < 0)
        free(item);
    return id;
}

static void
update_handle(int id, int wanted)
{
    pthread_mutex_lock(&events.lock);
    struct item *item = find_item(id);

    if (item)
        set_events(item, wanted);
    pthread_mutex_unlock(&events.lock);
}

/* libvirt wants its opaque freed later, by the event thread. */
static int
remove_item(int id)
{
    pthread_mutex_lock(&events.lock);
    struct item *item = find_item(id);

    if (item) {
        if (item->fd >= 0)
            set_events(item, 0);
        item->due_ns = INT64_MAX;
        item->removed = true;
        libvirt_events_wake();
    }
    pthread_mutex_unlock(&events.lock);
    return item ? 0 : -1;
}

static int
add_timeout(int interval_ms, virEventTimeoutCallback callback, void *opaque,
            virFreeCallback free_opaque)
{
    struct item *item = memory_new(1, sizeof(*item));

    *item = (struct item){.fd = -1,
                          .timeout_callback = callback,
                          .opaque = opaque,
                          .free_opaque = free_opaque};
    pthread_mutex_lock(&events.lock);
    set_interval(item, interval_ms);
    int id = add_item(item);
    pthread_mutex_unlock(&events.lock);
    return id;
}

static void
update_timeout(int id, int interval_ms)
{
    pthread_mutex_lock(&events.lock);
    struct item *item = find_item(id);

    if (item)
        set_interval(item, interval_ms);
    pthread_mutex_unlock(&events.lock);
}

/* --- the event thread --- */

static void
free_removed(void)
{
    struct item *item, *next, *removed = NULL;

    pthread_mutex_lock(&events.lock);
    DL_FOREACH_SAFE(events.items, item, next)
    {
        if (!item->removed)
            continue;
        DL_DELETE(events.items, item);
        DL_APPEND(removed, item);
    }
    pthread_mutex_unlock(&events.lock);
    DL_FOREACH_SAFE(removed, item, next)
    {
        if (item->free_opaque)
            item->free_opaque(item->opaque);
        free(item);
    }
}

static int
wait_ms(void)
{
    struct item *item;
    int64_t now_ns = clock_monotonic_ns();
    int64_t due_ns = now_ns + WAIT_MAX_MS * NS_PER_MS;
    int64_t break_off_ns = events.guard->due_ns();

    if (break_off_ns < due_ns)
        due_ns = break_off_ns;
    pthread_mutex_lock(&events.lock);
    DL_FOREACH (events.items, item) {
        if (item->due_ns < due_ns)
            due_ns = item->due_ns;
    }
    events.sleeping_until_ns = due_ns;
    pthread_mutex_unlock(&events.lock);
    return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* Items are freed by this thread only, so one that was found stays while it is called.
 */
static void
serve_handle(int id, uint32_t ready)
{
    int seen = (ready & EPOLLIN ? VIR_EVENT_HANDLE_READABLE : 0) |
               (ready & EPOLLOUT ? VIR_EVENT_HANDLE_WRITABLE : 0);
    int always = (ready & EPOLLHUP ? VIR_EVENT_HANDLE_HANGUP : 0) |
                 (ready & EPOLLERR ? VIR_EVENT_HANDLE_ERROR : 0);

    pthread_mutex_lock(&events.lock);
    const struct item *item = find_item(id);

    /* Since epoll_wait() a lane may have taken the socket. */
    seen = item && item->events != 0 ? (seen & item->events) | always : 0;
    pthread_mutex_unlock(&events.lock);
    if (seen != 0)
        item->handle_callback(item->id, item->fd, seen, item->opaque);
}

static const struct item *
next_due(int64_t now_ns)
{
    struct item *item;

    pthread_mutex_lock(&events.lock);
    DL_FOREACH (events.items, item) {
        if (item->due_ns <= now_ns)
            break;
    }
    if (item) /* an interval of 0 is served once a turn */
        item->due_ns =
            now_ns + (item->interval_ms > 0 ? item->interval_ms : 1) * NS_PER_MS;
    pthread_mutex_unlock(&events.lock);
    return item;
}

static void
serve_timeouts(void)
{
    int64_t now_ns = clock_monotonic_ns();
    const struct item *item;

    while ((item = next_due(now_ns)))
        item->timeout_callback(item->id, item->opaque);
}

static void *
run_events(void *unused)
{
    struct epoll_event ready[READY_MAX];
    uint64_t count;

    while (!atomic_load(&events.stop)) {
        int found = epoll_wait(events.epoll, ready, READY_MAX, wait_ms());

        pthread_mutex_lock(&events.lock);
        events.sleeping_until_ns = 0;
        pthread_mutex_unlock(&events.lock);
        for (int i = 0; i < found; i++) {
            if (ready[i].data.u64 != 0)
                serve_handle((int)ready[i].data.u64, ready[i].events);
            else if (read(events.wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
                return unused;
        }
        serve_timeouts();
        events.guard->break_off(clock_monotonic_ns());
        free_removed();
    }
    return unused;
}

/* --- start and stop --- */

static void
be_silent(void *opaque, virErrorPtr error)
{
    (void)opaque;
    (void)error; /* whoever called reports it; libvirt would write to stderr as well */
}

/* Once in a process: libvirt does not let go of an implementation. */
static bool
register_events(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};

    if (events.registered)
        return true;
    events.epoll = epoll_create1(EPOLL_CLOEXEC);
    events.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ctl(events.epoll, EPOLL_CTL_ADD, events.wake, &event) < 0) {
        (void)close(events.epoll);
        (void)close(events.wake);
        return false;
    }
    virInitialize();
    virSetErrorFunc(NULL, be_silent);
    virEventRegisterImpl(add_handle, update_handle, remove_item, add_timeout,
                         update_timeout, remove_item);
    events.registered = true;
    return true;
}

void
libvirt_events_start(const struct libvirt_events_guard *guard)
{
    if (!events.guard)
        events.guard = guard;
    events.users++;
    (void)libvirt_events_ensure();
}

bool
libvirt_events_ensure(void)
{
    if (events.running || events.users == 0 || !register_events())
        return events.running;
    atomic_store(&events.stop, false);
    events.running =
        thread_start(&events.thread, "libvirt-events", 0, run_events, NULL) == 0;
    return events.running;
}

void
libvirt_events_stop(void)
{
    if (--events.users > 0 || !events.running)
        return;
    atomic_store(&events.stop, true);
    libvirt_events_wake();
    pthread_join(events.thread, NULL);
    events.running = false;
    free_removed();
}
