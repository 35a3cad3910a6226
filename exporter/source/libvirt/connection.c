/* Connections to libvirt, each used by one thread, and how another one cuts them off:
 * libvirt closes its own socket when it pleases, but a duplicate can be shut down at
 * any time, and whoever waits on it comes back.
 *
 * A connection that only carries calls stays out of the event loop: its lane reads the
 * socket, and need not take it from the event thread before each call and give it back
 * after.  What such a connection loses, the keep-alive, the control connection has for
 * it: when that finds the daemon gone, the source severs all of them. */
#include "source/libvirt/connection.h"

#include "base/clock.h"
#include "source/libvirt/error.h"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

/* A daemon that is silent for 5 s × 3 is gone: its connection closes. */
#define KEEP_ALIVE_INTERVAL_S 5
#define KEEP_ALIVE_COUNT 3
/* Keep-alive begins when the connection is open; a daemon (or a network) that is silent
 * before is given as long. */
_Static_assert(LIBVIRT_OPEN_TIMEOUT_NS ==
                   NS_PER_S * KEEP_ALIVE_INTERVAL_S * KEEP_ALIVE_COUNT,
               "as long as keep-alive gives");

static struct {
    pthread_mutex_t lock; /* all below, and what connections say of their sockets */
    struct libvirt_connection *first;
} connections = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The one that this thread opens: what libvirt calls back with names none. */
static _Thread_local struct libvirt_connection *opening;

/* --- the event loop's part --- */

static bool
adopts(int fd)
{
    struct libvirt_connection *connection = opening;

    if (!connection)
        return false;
    pthread_mutex_lock(&connections.lock);
    if (connection->socket < 0)
        connection->socket = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (connection->severed) /* before it had one */
        (void)shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&connections.lock);
    libvirt_events_wake(); /* it has a deadline to watch */
    return connection->for_calls;
}

static int64_t
due_ns(void)
{
    struct libvirt_connection *connection;
    int64_t due_ns = INT64_MAX;

    pthread_mutex_lock(&connections.lock);
    DL_FOREACH (connections.first, connection) {
        if (connection->socket >= 0 && connection->deadline_ns < due_ns)
            due_ns = connection->deadline_ns;
    }
    pthread_mutex_unlock(&connections.lock);
    return due_ns;
}

/* With the lock held. */
static void
sever(struct libvirt_connection *connection)
{
    connection->severed = true;
    connection->deadline_ns = INT64_MAX;
    if (connection->socket >= 0)
        (void)shutdown(connection->socket, SHUT_RDWR);
}

static void
break_off(int64_t now_ns)
{
    struct libvirt_connection *connection;

    pthread_mutex_lock(&connections.lock);
    DL_FOREACH (connections.first, connection) {
        if (connection->socket >= 0 && connection->deadline_ns <= now_ns)
            sever(connection);
    }
    pthread_mutex_unlock(&connections.lock);
}

const struct libvirt_events_guard libvirt_connections_guard = {
    .adopts = adopts,
    .due_ns = due_ns,
    .break_off = break_off,
};

/* --- open, close, sever --- */

static void
let_go_of_socket(struct libvirt_connection *connection)
{
    if (connection->socket >= 0)
        close(connection->socket);
    connection->socket = -1;
}

static void
explain(const struct libvirt_connection *connection, struct failure *why)
{
    if (connection->severed)
        failure_set(why, FAILURE_UNAVAILABLE,
                    "the daemon has not answered for %d s since it was connected to",
                    (int)(LIBVIRT_OPEN_TIMEOUT_NS / NS_PER_S));
    else
        source_libvirt_last_failure(0, why);
}

bool
libvirt_connection_open(struct libvirt_connection *connection, const char *uri,
                        const void *owner, bool for_calls, struct failure *why)
{
    *connection = (struct libvirt_connection){
        .owner = owner,
        .for_calls = for_calls,
        .socket = -1,
        .deadline_ns = clock_monotonic_ns() + LIBVIRT_OPEN_TIMEOUT_NS,
    };
    pthread_mutex_lock(&connections.lock);
    DL_APPEND(connections.first, connection);
    pthread_mutex_unlock(&connections.lock);

    virResetLastError();
    opening = connection;
    connection->handle = virConnectOpen(uri);
    opening = NULL;

    pthread_mutex_lock(&connections.lock);
    connection->deadline_ns = INT64_MAX;
    if (!for_calls)
        let_go_of_socket(connection);
    pthread_mutex_unlock(&connections.lock);
    if (!connection->handle) {
        explain(connection, why);
        libvirt_connection_close(connection);
        return false;
    }
    if (!for_calls)
        virConnectSetKeepAlive(connection->handle, KEEP_ALIVE_INTERVAL_S,
                               KEEP_ALIVE_COUNT);
    return true;
}

bool
libvirt_connection_is_alive(const struct libvirt_connection *connection)
{
    if (!connection->handle)
        return false;
    pthread_mutex_lock(&connections.lock);
    bool severed = connection->severed;
    pthread_mutex_unlock(&connections.lock);
    return !severed && virConnectIsAlive(connection->handle) == 1;
}

void
libvirt_connection_close(struct libvirt_connection *connection)
{
    if (!connection->owner)
        return;
    if (connection->handle)
        virConnectClose(connection->handle);
    pthread_mutex_lock(&connections.lock);
    /* NOLINTNEXTLINE(clang-analyzer-*): what has an owner is in the list */
    DL_DELETE(connections.first, connection);
    let_go_of_socket(connection);
    pthread_mutex_unlock(&connections.lock);
    *connection = (struct libvirt_connection){.socket = -1};
}

void
libvirt_connections_sever(const void *owner)
{
    struct libvirt_connection *connection;

    pthread_mutex_lock(&connections.lock);
    DL_FOREACH (connections.first, connection) {
        if (connection->owner == owner && connection->for_calls)
            sever(connection);
    }
    pthread_mutex_unlock(&connections.lock);
}
