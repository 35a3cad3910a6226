/* The HTTP side: one libmicrohttpd daemon for each address, each driven by a thread of
 * ours.  So what a connection owns is touched by that thread alone, and whoever takes
 * too long is seen by the clock and not only when the library has something to tell.
 *
 * A request with a body is refused and its connection closed: none of our paths takes
 * one, and what follows an unread body must not be taken for a request. */
#include "web/web.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "kit/memory.h"
#include "store/discovery.h"
#include "store/telemetry.h"
#include "web/access.h"
#include "web/auth.h"
#include "web/config.h"
#include "web/listen.h"
#include "web/pages.h"
#include "web/tls.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Per address.  Prometheus needs one; what is left is for people and for abuse, which
 * one remote address alone cannot make complete. */
#define CONNECTIONS_MAX 64U
#define CONNECTIONS_PER_REMOTE_MAX 32U
/* Request line and headers must fit. */
#define CONNECTION_MEMORY_BYTES ((size_t)32 << 10)

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S (1000 * NS_PER_MS)
/* Without a byte in either direction. */
#define CONNECTION_IDLE_S 15U
/* From the connection to the end of the request's headers, the TLS handshake included;
 * after an answer the idle time comes on top. */
#define REQUEST_NS (10 * NS_PER_S)
/* From the headers to the last byte of the answer, however steadily it is read.  Six
 * times what Prometheus waits by default; 14 MB need 2 Mbit/s then. */
#define RESPONSE_NS (60 * NS_PER_S)

/* The library takes a TLS connection for ready as long as its handshake waits for the
 * client, and would have the thread turn without end.  After so many turns in which
 * nothing came it turns slowly; less so while an answer is being sent, since that needs
 * turns as well.  Whatever comes wakes it at once. */
#define QUIET_TURNS_MAX 16
#define QUIET_MS 10
#define QUIET_SENDING_MS 1

/* One client; its thread's alone, but for the login while it waits. */
struct connection {
    struct connection *next, **link; /* among the listener's */
    struct MHD_Connection *library;
    struct worker *worker;
    int64_t deadline_ns;
    const struct web_policy *policy; /* that its TLS session is made of; else NULL */
    struct web_tls_session tls;
    struct web_login login;
    bool waits; /* for the login */
    bool has_asked, is_answered;
};

/* One address. */
struct worker {
    struct web *web;
    struct MHD_Daemon *daemon;
    struct connection *connections;
    unsigned int quiet_turns;
    pthread_t thread;
    int wake_fd; /* an eventfd */
    bool running;
    unsigned int port;
};

struct web {
    struct web_access *access, *own_access;
    struct web_auth *auth;
    struct web_pages *pages;
    struct telemetry *telemetry;
    bool with_tls;
    int64_t request_ns, response_ns;
    atomic_bool stopping;
    size_t workers_count;
    struct worker workers[];
};

/* --- answers --- */

struct answer {
    unsigned int status;
    struct web_page page;
    bool close;
};

static struct answer
answer_sentence(unsigned int status, const char *sentence)
{
    return (struct answer){status, web_page_sentence(status, sentence), false};
}

/* Takes the page. */
static struct MHD_Response *
response_new(const struct web_page *page)
{
    /* The library's type is not const; it does not write there. */
    void *bytes = (void *)(uintptr_t)page->bytes;
    if (page->release == NULL)
        return MHD_create_response_from_buffer(page->length, bytes,
                                               MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(
            page->length, bytes, page->release, page->owner);
    if (response == NULL)
        page->release(page->owner);
    return response;
}

static bool
header_add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool
headers_of_status(struct MHD_Response *response, unsigned int status)
{
    switch (status) {
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return header_add(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    case MHD_HTTP_UNAUTHORIZED:
        return header_add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                          "Basic realm=\"qga-exporter\", charset=\"UTF-8\"");
    case MHD_HTTP_TOO_MANY_REQUESTS:
        return header_add(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    default:
        return true;
    }
}

static bool
headers_of_config(struct MHD_Response *response, const struct web_config *config)
{
    bool nosniff = false;
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        const struct web_header *header = &config->headers[i];
        if (header->value == NULL)
            continue;
        if (!header_add(response, header->name, header->value))
            return false;
        nosniff |= strcmp(header->name, "X-Content-Type-Options") == 0;
    }
    return nosniff || header_add(response, "X-Content-Type-Options", "nosniff");
}

static enum MHD_Result
answer_send(const struct answer *answer, const struct web_config *config,
            struct MHD_Connection *connection)
{
    struct MHD_Response *response = response_new(&answer->page);
    if (response == NULL)
        return MHD_NO;
    bool complete =
        header_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->page.type) &&
        headers_of_config(response, config) &&
        headers_of_status(response, answer->status) &&
        (!answer->close || header_add(response, MHD_HTTP_HEADER_CONNECTION, "close"));
    enum MHD_Result result =
        complete ? MHD_queue_response(connection, answer->status, response) : MHD_NO;
    MHD_destroy_response(response);
    return result;
}

/* --- requests --- */

static bool
has_header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) != NULL;
}

static bool
has_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    return has_header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
           (length != NULL && strcmp(length, "0") != 0);
}

static enum MHD_Result
query_take(void *query, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    discovery_query_add(query, key, value);
    return MHD_YES;
}

static struct answer
answer_page(struct web *web, enum web_route route, struct MHD_Connection *connection)
{
    struct discovery_query query;
    discovery_query_init(&query);
    if (route == WEB_ROUTE_DISCOVERY)
        (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_take,
                                        &query);
    struct web_page page = web_pages_get(web->pages, route, &query);
    return (struct answer){page.status, page, false};
}

struct request {
    enum web_route route;
    const char *method;
    bool with_body;
};

static struct answer
answer_request(struct web *web, const struct request *request, enum web_verdict verdict,
               struct MHD_Connection *connection)
{
    bool reads = strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0 ||
                 strcmp(request->method, MHD_HTTP_METHOD_GET) == 0;
    if (verdict == WEB_VERDICT_BAD)
        return answer_sentence(MHD_HTTP_UNAUTHORIZED, "Unauthorized\n");
    if (verdict != WEB_VERDICT_GOOD)
        return answer_sentence(MHD_HTTP_TOO_MANY_REQUESTS,
                               "Too many requests: try again in a second.\n");
    if (request->route != WEB_ROUTE_NONE && !reads)
        return answer_sentence(MHD_HTTP_METHOD_NOT_ALLOWED,
                               "Method not allowed: this path is for GET and HEAD.\n");
    if (request->with_body)
        return answer_sentence(MHD_HTTP_CONTENT_TOO_LARGE,
                               "Request bodies are not accepted.\n");
    return answer_page(web, request->route, connection);
}

static void
worker_wake(const struct worker *worker)
{
    const uint64_t one = 1;
    if (write(worker->wake_fd, &one, sizeof(one)) < 0)
        log_debug("a web thread cannot be woken", LOG_STR("error", strerror(errno)));
}

/* On the thread of the log-ins.  The library wakes nobody when it is driven from
 * outside. */
static void
login_is_decided(void *context)
{
    struct connection *connection = context;
    const struct worker *worker = connection->worker;
    MHD_resume_connection(connection->library);
    worker_wake(worker);
}

/* WEB_VERDICT_WAIT: the connection sleeps, and the request comes again. */
static enum web_verdict
request_judge(struct connection *connection, const struct web_policy *policy)
{
    struct web_auth *auth = connection->worker->web->auth;
    struct MHD_Connection *library = connection->library;
    if (connection->waits) {
        connection->waits = false;
        return web_auth_result(auth, &connection->login);
    }
    if (!web_policy_takes_request(policy, clock_monotonic_ns()))
        return WEB_VERDICT_BUSY;
    const union MHD_ConnectionInfo *remote =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const char *authorization = MHD_lookup_connection_value(
        library, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    enum web_verdict verdict =
        web_auth_check(auth, policy->config, authorization,
                       remote != NULL ? remote->client_addr : NULL, &connection->login);
    if (verdict != WEB_VERDICT_WAIT)
        return verdict;
    connection->waits = true;
    connection->login.notify = login_is_decided;
    connection->login.context = connection;
    MHD_suspend_connection(library); /* before anybody can wake it */
    web_auth_wait(auth, &connection->login);
    return verdict;
}

static enum MHD_Result
request_handle(struct connection *connection, const struct request *request,
               const struct web_policy *policy)
{
    struct web *web = connection->worker->web;
    enum web_verdict verdict = request_judge(connection, policy);
    if (verdict == WEB_VERDICT_WAIT)
        return MHD_YES;
    struct answer answer = answer_request(web, request, verdict, connection->library);
    bool head = strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0;
    if (request->route == WEB_ROUTE_METRICS)
        telemetry_scrape(web->telemetry, answer.status, head ? 0 : answer.page.length);
    /* A renewed certificate, or other authorities, are for those who come anew. */
    answer.close = request->with_body ||
                   (connection->policy != NULL && connection->policy != policy);
    return answer_send(&answer, policy->config, connection->library);
}

static struct connection *
connection_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static enum MHD_Result
handle_request(void *context, struct MHD_Connection *library, const char *path,
               const char *method, const char *version, const char *upload,
               size_t *upload_bytes, void **seen)
{
    (void)version;
    (void)upload;
    struct web *web = ((struct worker *)context)->web;
    struct connection *connection = connection_of(library);
    const struct request request = {web_pages_route(web->pages, path), method,
                                    has_body(library)};
    if (connection == NULL || (web->with_tls && !connection->tls.admitted))
        return MHD_NO;
    /* The first call comes with the headers; without a body the answer is for the
     * second, so that the connection can be kept. */
    if (*seen == NULL) {
        connection->deadline_ns = clock_monotonic_ns() + web->response_ns;
        connection->has_asked = true;
        connection->is_answered = false;
        *seen = web;
        if (!request.with_body)
            return MHD_YES;
    }
    *upload_bytes = 0;
    const struct web_policy *policy = web_access_get(web->access);
    enum MHD_Result result = request_handle(connection, &request, policy);
    web_policy_unref(policy);
    return result;
}

static void
request_completed(void *context, struct MHD_Connection *library, void **seen,
                  enum MHD_RequestTerminationCode code)
{
    const struct web *web = ((struct worker *)context)->web;
    (void)seen;
    (void)code;
    struct connection *connection = connection_of(library);
    if (connection == NULL)
        return;
    connection->is_answered = true;
    connection->deadline_ns =
        clock_monotonic_ns() + CONNECTION_IDLE_S * NS_PER_S + web->request_ns;
}

/* An escaped NUL stays escaped: decoded it would cut the path short, and "/%00x" be
 * answered as "/". */
static size_t
unescape(void *context, struct MHD_Connection *connection, char *string)
{
    (void)context;
    (void)connection;
    return strstr(string, "%00") != NULL ? strlen(string) : MHD_http_unescape(string);
}

/* --- connections --- */

/* What the library tells of a connection is taken at once: the next question makes the
 * pointer invalid (microhttpd.h since 1.0). */
static int
socket_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static struct gnutls_session_int *
session_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? info->tls_session : NULL;
}

static void
connection_cut(const struct connection *connection)
{
    int fd = socket_of(connection->library);
    /* So that the kernel does not go on with what it has taken over, either. */
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)shutdown(fd, SHUT_RDWR); /* the library sees it end */
}

/* Plain where TLS is wanted, or the other way round, can be for the moment between a
 * reload and the listener's new start. */
static int
connection_secure(struct connection *connection)
{
    struct web *web = connection->worker->web;
    connection->policy = web_access_get(web->access);
    if ((connection->policy->tls != NULL) != web->with_tls)
        return -1;
    if (!web->with_tls)
        return 0;
    struct gnutls_session_int *session = session_of(connection->library);
    connection->tls.fd = socket_of(connection->library);
    if (session == NULL || connection->tls.fd < 0)
        return -1;
    return web_tls_session_start(connection->policy->tls, session, &connection->tls);
}

static void
connection_start(struct worker *worker, struct MHD_Connection *library, void **own)
{
    struct connection *connection = memory_new(1, sizeof(*connection));
    connection->library = library;
    connection->worker = worker;
    connection->deadline_ns = clock_monotonic_ns() + worker->web->request_ns;
    connection->next = worker->connections;
    connection->link = &worker->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    worker->connections = connection;
    *own = connection;
    if (connection_secure(connection) < 0)
        connection_cut(connection);
}

/* The library has ended the TLS session before. */
static void
connection_end(struct connection *connection)
{
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    web_policy_unref(connection->policy);
    free(connection);
}

static void
notify_connection(void *context, struct MHD_Connection *library, void **own,
                  enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_start(context, library, own);
    else if (*own != NULL)
        connection_end(*own);
}

/* Cuts those who took too long; returns when the next one will have. */
static int64_t
connections_sweep(struct worker *worker, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    for (struct connection *at = worker->connections; at != NULL; at = at->next) {
        if (at->deadline_ns <= now_ns) {
            log_debug("a client takes too long and is cut off");
            connection_cut(at);
            at->deadline_ns = INT64_MAX;
        }
        if (at->deadline_ns < next_ns)
            next_ns = at->deadline_ns;
    }
    return next_ns;
}

/* --- threads --- */

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

/* The least milliseconds to wait for whatever the library says. */
static int
quiet_ms(const struct worker *worker)
{
    bool shaking_hands = false, sending = false;
    if (!worker->web->with_tls || worker->quiet_turns < QUIET_TURNS_MAX)
        return 0;
    for (const struct connection *at = worker->connections; at != NULL; at = at->next) {
        shaking_hands |= !at->has_asked;
        sending |= at->has_asked && !at->is_answered;
    }
    if (!shaking_hands)
        return 0;
    return sending ? QUIET_SENDING_MS : QUIET_MS;
}

/* Milliseconds for poll(2), -1 for ever: until the library or a deadline wants it. */
static int
wait_ms(struct worker *worker)
{
    MHD_UNSIGNED_LONG_LONG library_ms;
    int64_t now_ns = clock_monotonic_ns();
    int64_t next_ns = connections_sweep(worker, now_ns);
    int64_t ms = next_ns == INT64_MAX ? -1 : (next_ns - now_ns) / NS_PER_MS + 1;
    if (MHD_get_timeout(worker->daemon, &library_ms) == MHD_YES &&
        (ms < 0 || library_ms < (uint64_t)ms))
        ms = (int64_t)library_ms;
    int least_ms = quiet_ms(worker);
    return ms >= 0 && ms < least_ms ? least_ms : (int)ms;
}

static void *
worker_main(void *argument)
{
    struct worker *worker = argument;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd files[] = {{.fd = info->epoll_fd, .events = POLLIN},
                             {.fd = worker->wake_fd, .events = POLLIN}};
    uint64_t wakes;
    while (!atomic_load(&worker->web->stopping)) {
        (void)MHD_run(worker->daemon);
        int code = poll(files, 2, wait_ms(worker));
        worker->quiet_turns = code > 0 ? 0 : worker->quiet_turns + 1;
        if (code > 0 && files[1].revents != 0 &&
            read(worker->wake_fd, &wakes, sizeof(wakes)) < 0)
            log_debug("a web thread was woken by nobody");
    }
    return NULL;
}

static struct MHD_Daemon *
daemon_start(struct worker *worker, int fd)
{
    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL},
                                   {MHD_OPTION_END, 0, NULL}};
    unsigned int flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    if (worker->web->with_tls) {
        flags |= MHD_USE_TLS;
        tls[0].option = MHD_OPTION_HTTPS_CERT_CALLBACK2;
        tls[0].ptr_value = web_tls_placeholder();
    }
    return MHD_start_daemon(
        flags, 0, NULL, NULL, handle_request, worker, MHD_OPTION_EXTERNAL_LOGGER,
        log_library, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_REMOTE_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
        notify_connection, worker, MHD_OPTION_NOTIFY_COMPLETED, request_completed,
        worker, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static int
worker_start(struct web *web, const char *address, char *error, size_t error_bytes)
{
    struct worker *worker = &web->workers[web->workers_count];
    struct web_listener listener;
    if (web_listen(address, &listener, error, error_bytes) < 0)
        return -1;
    worker->web = web;
    worker->port = listener.port;
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->daemon = worker->wake_fd >= 0 ? daemon_start(worker, listener.fd) : NULL;
    web->workers_count++;
    worker->running = worker->daemon &&
                      thread_start(&worker->thread, "web", 0, worker_main, worker) == 0;
    if (!worker->running) {
        /* Whether the library has closed the socket it does not say; we end anyway. */
        (void)snprintf(error, error_bytes,
                       "web.listen_addresses: cannot serve %s: the HTTP library did "
                       "not start; raise the limits of open files and threads",
                       address);
        return -1;
    }
    log_info("Listening on", LOG_STR("address", listener.bound));
    log_info(web->with_tls ? "TLS is enabled." : "TLS is disabled.",
             LOG_STR("http2", "false"), LOG_STR("address", listener.bound));
    return 0;
}

/* --- from outside --- */

static int
access_take(struct web *web, struct web_access *access, char *error, size_t error_bytes)
{
    if (access == NULL)
        access = web->own_access =
            web_access_open(NULL, NULL, NULL, error, error_bytes);
    if (access == NULL)
        return -1;
    const struct web_policy *policy = web_access_get(access);
    web->access = access;
    web->with_tls = policy->tls != NULL;
    web_policy_unref(policy);
    return 0;
}

struct web *
web_start(const struct web_settings *settings, struct store *store,
          struct telemetry *telemetry, char *error, size_t error_bytes)
{
    size_t count = 0;
    while (settings->listen_addresses[count] != NULL)
        count++;
    struct web *web = memory_new(1, sizeof(*web) + count * sizeof(*web->workers));
    web->telemetry = telemetry;
    web->request_ns = settings->request_ns > 0 ? settings->request_ns : REQUEST_NS;
    web->response_ns = settings->response_ns > 0 ? settings->response_ns : RESPONSE_NS;
    web->pages = web_pages_new(store, settings->telemetry_path);
    web->auth = web_auth_new();
    if (access_take(web, settings->access, error, error_bytes) < 0)
        goto fail;
    for (size_t i = 0; i < count; i++)
        if (worker_start(web, settings->listen_addresses[i], error, error_bytes) < 0)
            goto fail;
    return web;
fail:
    web_stop(web);
    return NULL;
}

unsigned int
web_port(const struct web *web, size_t index)
{
    return index < web->workers_count ? web->workers[index].port : 0;
}

bool
web_fits(const struct web *web)
{
    const struct web_policy *policy = web_access_get(web->access);
    bool fits = (policy->tls != NULL) == web->with_tls;
    web_policy_unref(policy);
    return fits;
}

static void
worker_stop(struct worker *worker)
{
    if (worker->running) {
        worker_wake(worker);
        (void)pthread_join(worker->thread, NULL);
    }
    MHD_stop_daemon(worker->daemon);
    if (worker->wake_fd >= 0)
        (void)close(worker->wake_fd);
}

/* Those who wait for a log-in must be awake when the library ends. */
void
web_stop(struct web *web)
{
    if (web == NULL)
        return;
    atomic_store(&web->stopping, true);
    web_auth_stop(web->auth);
    for (size_t i = 0; i < web->workers_count; i++)
        worker_stop(&web->workers[i]);
    web_auth_free(web->auth);
    web_pages_free(web->pages);
    web_access_close(web->own_access);
    free(web);
}

void
web_set_ready(struct web *web, bool ready)
{
    web_pages_set_ready(web->pages, ready);
}
