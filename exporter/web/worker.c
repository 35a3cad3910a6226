/* The thread of one address. */
#include "web/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "kit/failure.h"
#include "kit/memory.h"
#include "web/connection.h"
#include "web/listen.h"
#include "web/request.h"
#include "web/site.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Request line and headers must fit. */
#define CONNECTION_MEMORY_BYTES ((size_t)32 << 10)

/* The library takes a TLS connection for ready as long as its handshake waits for the
 * client, and would have the thread turn without end.  After so many turns in which
 * nothing came it turns slowly; less so while an answer is being sent, since that needs
 * turns as well.  Whatever comes wakes it at once. */
#define QUIET_TURNS_MAX 16
#define QUIET_MS 10
#define QUIET_SENDING_MS 1

/* How long a stop waits for who is owed an answer, and how often it looks. */
#define OWED_NS (NS_PER_S / 2)
#define OWED_LOOK_MS 20

struct web_worker {
    struct web_connections connections;
    struct MHD_Daemon *daemon;
    unsigned int quiet_turns;
    pthread_t thread;
    bool running;
    atomic_bool stopping; /* for good, unless it is leaving as well */
    atomic_bool leaving;
    struct web_listener listener;
};

/* --- what the library calls --- */

static enum MHD_Result
accept_remote(void *connections, const struct sockaddr *remote, socklen_t length)
{
    (void)length;
    return web_connections_take(connections, remote) ? MHD_YES : MHD_NO;
}

static void
notify_connection(void *connections, struct MHD_Connection *library, void **own,
                  enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *own = web_connection_start(connections, library);
    else if (*own)
        web_connection_end(*own);
}

static enum MHD_Result
handle_request(void *context, struct MHD_Connection *library, const char *path,
               const char *method, const char *version, const char *upload,
               size_t *upload_bytes, void **seen)
{
    struct web_connection *connection = web_connection_of(library);

    (void)context;
    (void)upload;
    if (!connection ||
        web_request_handle(connection, path, method, version, upload_bytes, seen) < 0)
        return MHD_NO;
    return MHD_YES;
}

static void
request_completed(void *context, struct MHD_Connection *library, void **seen,
                  enum MHD_RequestTerminationCode code)
{
    struct web_connection *connection = web_connection_of(library);

    (void)context;
    (void)seen;
    (void)code;
    if (connection)
        web_connection_is_answered(connection);
}

/* An escaped NUL stays escaped: decoded it would cut the path short, and "/%00x" be
 * answered as "/". */
static size_t
unescape(void *context, struct MHD_Connection *connection, char *string)
{
    (void)context;
    (void)connection;
    return strstr(string, "%00") ? strlen(string) : MHD_http_unescape(string);
}

__attribute__((format(printf, 2, 0))) static void
log_library(void *context, const char *format, va_list arguments)
{
    (void)context;
    char line[256];
    int length = vsnprintf(line, sizeof(line), format, arguments);
    if (length < 0)
        return;
    line[strcspn(line, "\n")] = '\0';
    log_debug("HTTP connection trouble", LOG_STR("err", line));
}

static struct MHD_Daemon *
daemon_start(struct web_connections *connections, int fd)
{
    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL},
                                   {MHD_OPTION_END, 0, NULL}};
    unsigned int flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;

    if (connections->site->with_tls) {
        flags |= MHD_USE_TLS;
        tls[0].option = MHD_OPTION_HTTPS_CERT_CALLBACK2;
        tls[0].ptr_value = web_tls_placeholder();
    }
    return MHD_start_daemon(
        flags, 0, accept_remote, connections, handle_request, NULL,
        MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
        unescape, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        WEB_CONNECTIONS_MAX + WEB_CONNECTIONS_FIRST_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        WEB_CONNECTION_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, notify_connection, connections,
        MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
}

static bool
is_same_file(int a, int b)
{
    struct stat one, other;

    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* Whether the library closes the socket when it does not start it does not say, so it
 * gets a descriptor of its own; while ours is open, no other file can be taken for it.
 */
static struct MHD_Daemon *
library_start(struct web_connections *connections, int fd)
{
    int its = connections->wake_fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    struct MHD_Daemon *daemon = its >= 0 ? daemon_start(connections, its) : NULL;

    if (!daemon && its >= 0 && is_same_file(its, fd))
        (void)close(its);
    return daemon;
}

/* --- the thread --- */

/* The least milliseconds to wait for whatever the library says. */
static int
quiet_ms(const struct web_worker *worker)
{
    bool shaking_hands = false, sending = false;

    if (!worker->connections.site->with_tls || worker->quiet_turns < QUIET_TURNS_MAX)
        return 0;
    for (const struct web_connection *at = worker->connections.first; at;
         at = at->next) {
        shaking_hands |= !at->has_asked;
        sending |= at->has_asked && !at->is_answered;
    }
    if (!shaking_hands)
        return 0;
    return sending ? QUIET_SENDING_MS : QUIET_MS;
}

/* Milliseconds for poll(2), -1 for ever: until the library or a deadline wants it. */
static int
wait_ms(struct web_worker *worker)
{
    MHD_UNSIGNED_LONG_LONG library_ms;
    int64_t now_ns = clock_monotonic_ns();
    int64_t next_ns = web_connections_sweep(&worker->connections, now_ns);
    int64_t ms = next_ns == INT64_MAX ? -1 : (next_ns - now_ns) / NS_PER_MS + 1;

    if (MHD_get_timeout(worker->daemon, &library_ms) == MHD_YES &&
        (ms < 0 || library_ms < (uint64_t)ms))
        ms = (int64_t)library_ms;
    if (atomic_load(&worker->stopping) && (ms < 0 || ms > OWED_LOOK_MS))
        ms = OWED_LOOK_MS;
    int least_ms = quiet_ms(worker);

    return ms >= 0 && ms < least_ms ? least_ms : (int)ms;
}

/* Whether it is to go on.  `end_ns` is when it ends at the latest, once it is to end.
 */
static bool
has_work(struct web_worker *worker, int64_t *end_ns)
{
    if (!atomic_load(&worker->stopping))
        return true;
    if (atomic_load(&worker->leaving) || !web_connections_owe(&worker->connections))
        return false;
    int64_t now_ns = clock_monotonic_ns();

    if (*end_ns == 0)
        *end_ns = now_ns + OWED_NS;
    return now_ns < *end_ns;
}

static void *
worker_main(void *argument)
{
    struct web_worker *worker = argument;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd files[] = {{.fd = info->epoll_fd, .events = POLLIN},
                             {.fd = worker->connections.wake_fd, .events = POLLIN}};
    int64_t end_ns = 0;
    uint64_t wakes;

    while (has_work(worker, &end_ns)) {
        (void)MHD_run(worker->daemon);
        int code = worker->connections.site->poll(files, 2, wait_ms(worker));

        worker->quiet_turns = code > 0 ? 0 : worker->quiet_turns + 1;
        if (code > 0 && files[1].revents != 0 &&
            read(files[1].fd, &wakes, sizeof(wakes)) < 0)
            log_debug("a web thread was woken by nobody");
    }
    return NULL;
}

struct web_worker *
web_worker_start(const struct web_site *site, const struct web_listener *listener,
                 struct failure *why)
{
    struct web_worker *worker = memory_new(1, sizeof(*worker));
    struct web_connections *connections = &worker->connections;

    worker->listener = *listener;
    connections->site = site;
    connections->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->daemon = library_start(connections, listener->fd);
    (void)close(listener->fd);
    worker->running = worker->daemon &&
                      thread_start(&worker->thread, "web", 0, worker_main, worker) == 0;
    if (!worker->running) {
        failure_set(why, FAILURE_UNAVAILABLE,
                    "web.listen_addresses: cannot serve %s: the HTTP library did not "
                    "start; raise the limits of open files and threads",
                    listener->bound);
        web_worker_stop(worker);
        return NULL;
    }
    log_info("Listening on", LOG_STR("address", listener->bound));
    log_info(site->with_tls ? "TLS is enabled." : "TLS is disabled.",
             LOG_STR("http2", "false"), LOG_STR("address", listener->bound));
    return worker;
}

unsigned int
web_worker_port(const struct web_worker *worker)
{
    return worker->listener.port;
}

static void
thread_end(struct web_worker *worker)
{
    atomic_store(&worker->stopping, true);
    if (!worker->running)
        return;
    web_connections_wake(&worker->connections);
    (void)pthread_join(worker->thread, NULL);
    worker->running = false;
}

/* The library does not say that it may be told so while it runs. */
void
web_worker_leave(struct web_worker *worker)
{
    atomic_store(&worker->leaving, true);
    thread_end(worker);
    web_unix_remove(&worker->listener.file); /* before nobody listens */
    worker->listener.file.path[0] = '\0';
    MHD_socket fd = MHD_quiesce_daemon(worker->daemon);

    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd);
    atomic_store(&worker->leaving, false);
    atomic_store(&worker->stopping, false);
    worker->running = thread_start(&worker->thread, "web", 0, worker_main, worker) == 0;
}

void
web_worker_stop(struct web_worker *worker)
{
    thread_end(worker);
    web_unix_remove(&worker->listener.file); /* before nobody listens */
    MHD_stop_daemon(worker->daemon);
    if (worker->connections.wake_fd >= 0)
        (void)close(worker->connections.wake_fd);
    free(worker);
}
