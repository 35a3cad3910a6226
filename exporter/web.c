/* The HTTP side: one libmicrohttpd daemon with one thread for each address.
 *
 * Every answer is there before it is asked for, or is put together from what the store
 * has; nothing here waits for a guest.  A request with a body is refused and its
 * connection closed: none of our paths takes one, and what follows an unread body must
 * not be taken for a request. */
#include "web.h"

#include "discovery.h"
#include "log.h"
#include "memory.h"
#include "store.h"
#include "telemetry.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Per address.  Prometheus needs one; what is left is for people and for abuse, which
 * one remote address alone cannot make complete. */
#define CONNECTIONS_MAX 64U
#define CONNECTIONS_PER_REMOTE_MAX 32U
#define CONNECTION_IDLE_S 15U
/* Request line and headers must fit. */
#define CONNECTION_MEMORY_BYTES ((size_t)32 << 10)
#define DISCOVERY_BYTES_MAX ((size_t)64 << 20) /* 1000 guests are below 1 MiB */
#define LANDING_BYTES_MAX ((size_t)64 << 10)
#define ADDRESS_BYTES_MAX 256

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_EXPOSITION "text/plain; version=0.0.4; charset=utf-8"

struct listener {
    struct MHD_Daemon *daemon;
    unsigned int port;
};

struct web {
    struct store *store;
    struct telemetry *telemetry;
    char *telemetry_path;
    struct text landing;
    atomic_bool ready;
    size_t listeners_count;
    struct listener listeners[];
};

/* Where a listen address leads. */
struct address {
    const char *text;             /* as configured, for messages */
    char host[ADDRESS_BYTES_MAX]; /* "" for every address of both families */
    char port[ADDRESS_BYTES_MAX];
};

enum route {
    ROUTE_NONE,
    ROUTE_METRICS,
    ROUTE_DISCOVERY,
    ROUTE_LANDING,
    ROUTE_HEALTHY,
    ROUTE_READY,
};

struct answer {
    unsigned int status;
    const char *type;
    struct MHD_Response *response;
    size_t body_bytes;
};

static void
add_html(struct text *out, const char *string)
{
    for (const char *c = string; *c != '\0'; c++) {
        if (strchr("&<>\"'", *c) != NULL)
            text_add_format(out, "&#%d;", *c);
        else
            text_add(out, c, 1);
    }
}

static void
landing_write(struct text *out, const char *telemetry_path)
{
    text_add_string(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                         "<meta charset=\"utf-8\">\n<title>qga-exporter</title>\n"
                         "</head>\n<body>\n<h1>qga-exporter</h1>\n"
                         "<p>What QEMU guest agents say of the inside of this host's "
                         "guests, for Prometheus.</p>\n<p>Version ");
    add_html(out, telemetry_version());
    text_add_string(out, "</p>\n<ul>\n<li><a href=\"");
    add_html(out, telemetry_path);
    text_add_string(out, "\">Metrics</a></li>\n"
                         "<li><a href=\"/sd\">Guests as targets, for HTTP service "
                         "discovery</a></li>\n"
                         "<li><a href=\"/-/healthy\">Healthy</a></li>\n"
                         "<li><a href=\"/-/ready\">Ready</a></li>\n"
                         "</ul>\n</body>\n</html>\n");
}

/* `body` must stay, as literals and the landing page do. */
static struct answer
answer_static(unsigned int status, const char *type, const char *body, size_t length)
{
    /* The library's type is not const; it does not write there. */
    void *bytes = (void *)(uintptr_t)body;
    return (struct answer){
        .status = status,
        .type = type,
        .body_bytes = length,
        .response =
            MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_PERSISTENT),
    };
}

static struct answer
answer_sentence(unsigned int status, const char *sentence)
{
    return answer_static(status, TYPE_TEXT, sentence, strlen(sentence));
}

static void
body_release(void *body)
{
    body_unref(body);
}

static struct answer
answer_metrics(struct web *web)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    struct body *body =
        store_body(web->store, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    struct answer answer = {
        .status = MHD_HTTP_OK, .type = TYPE_EXPOSITION, .body_bytes = body->length};
    answer.response = MHD_create_response_from_buffer_with_free_callback_cls(
        body->length, body->bytes, body_release, body);
    if (answer.response == NULL)
        body_unref(body);
    return answer;
}

/* A text of our own; it is taken. */
static struct answer
answer_text(unsigned int status, const char *type, struct text *text)
{
    struct answer answer = {.status = status, .type = type};
    char *bytes = text_take(text, &answer.body_bytes);
    answer.response = MHD_create_response_from_buffer(answer.body_bytes, bytes,
                                                      MHD_RESPMEM_MUST_FREE);
    if (answer.response == NULL)
        free(bytes);
    return answer;
}

static enum MHD_Result
query_take(void *query, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    discovery_query_add(query, key, value);
    return MHD_YES;
}

static struct answer
answer_discovered(const struct discovery_query *query,
                  struct discovery_guest *const *guests, size_t count)
{
    struct text text = TEXT_INIT(DISCOVERY_BYTES_MAX);
    discovery_render(query, guests, count, &text);
    if (!text.overflow)
        return answer_text(MHD_HTTP_OK, TYPE_JSON, &text);
    text_free(&text); /* half a list would make targets vanish */
    return answer_sentence(MHD_HTTP_SERVICE_UNAVAILABLE,
                           "The list of targets is over 64 MiB: leave out all=1.\n");
}

static struct answer
answer_discovery(struct web *web, struct MHD_Connection *connection)
{
    struct discovery_query query;
    struct text sentence = TEXT_INIT(LANDING_BYTES_MAX);
    const char *why;
    size_t count;
    discovery_query_init(&query);
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_take,
                                    &query);
    if (query.problem[0] != '\0') {
        text_add_format(&sentence, "%s\n", query.problem);
        return answer_text(MHD_HTTP_BAD_REQUEST, TYPE_TEXT, &sentence);
    }
    struct discovery_guest **guests = store_announced(web->store, &count, &why);
    if (guests == NULL) {
        text_add_format(&sentence, "No list of targets: %s.\n", why);
        return answer_text(MHD_HTTP_SERVICE_UNAVAILABLE, TYPE_TEXT, &sentence);
    }
    struct answer answer = answer_discovered(&query, guests, count);
    for (size_t i = 0; i < count; i++)
        discovery_guest_unref(guests[i]);
    free(guests);
    return answer;
}

static struct answer
answer_route(struct web *web, enum route route, struct MHD_Connection *connection)
{
    switch (route) {
    case ROUTE_METRICS:
        return answer_metrics(web);
    case ROUTE_DISCOVERY:
        return answer_discovery(web, connection);
    case ROUTE_LANDING:
        return answer_static(MHD_HTTP_OK, TYPE_HTML, web->landing.bytes,
                             web->landing.length);
    case ROUTE_HEALTHY:
        return answer_sentence(MHD_HTTP_OK, "Healthy\n");
    case ROUTE_READY:
        if (atomic_load(&web->ready))
            return answer_sentence(MHD_HTTP_OK, "Ready\n");
        return answer_sentence(MHD_HTTP_SERVICE_UNAVAILABLE,
                               "Not ready: the first pass over the guests is not "
                               "through yet.\n");
    case ROUTE_NONE:
        break;
    }
    return answer_sentence(MHD_HTTP_NOT_FOUND,
                           "Not found: nothing is served at this path.\n");
}

static enum route
route_find(const struct web *web, const char *path)
{
    if (strcmp(path, web->telemetry_path) == 0)
        return ROUTE_METRICS;
    if (strcmp(path, "/sd") == 0)
        return ROUTE_DISCOVERY;
    if (strcmp(path, "/") == 0)
        return ROUTE_LANDING;
    if (strcmp(path, "/-/healthy") == 0)
        return ROUTE_HEALTHY;
    if (strcmp(path, "/-/ready") == 0)
        return ROUTE_READY;
    return ROUTE_NONE;
}

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
answer_send(const struct answer *answer, struct MHD_Connection *connection, bool close)
{
    if (answer->response == NULL)
        return MHD_NO;
    struct MHD_Response *response = answer->response;
    bool complete = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                            answer->type) == MHD_YES &&
                    MHD_add_response_header(response, "X-Content-Type-Options",
                                            "nosniff") == MHD_YES;
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        complete = complete && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                                       "GET, HEAD") == MHD_YES;
    if (close)
        complete =
            complete && MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION,
                                                "close") == MHD_YES;
    enum MHD_Result result =
        complete ? MHD_queue_response(connection, answer->status, response) : MHD_NO;
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
handle_request(void *context, struct MHD_Connection *connection, const char *path,
               const char *method, const char *version, const char *upload,
               size_t *upload_bytes, void **seen)
{
    (void)version;
    (void)upload;
    struct web *web = context;
    bool with_body = has_body(connection);
    /* The first call comes with the headers; without a body the answer is for the
     * second, so that the connection can be kept. */
    if (*seen == NULL && !with_body) {
        *seen = web;
        return MHD_YES;
    }
    *upload_bytes = 0;
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    bool reads = head || strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    enum route route = route_find(web, path);
    struct answer answer;
    if (route != ROUTE_NONE && !reads)
        answer =
            answer_sentence(MHD_HTTP_METHOD_NOT_ALLOWED,
                            "Method not allowed: this path is for GET and HEAD.\n");
    else if (with_body)
        answer = answer_sentence(MHD_HTTP_CONTENT_TOO_LARGE,
                                 "Request bodies are not accepted.\n");
    else
        answer = answer_route(web, route, connection);
    if (route == ROUTE_METRICS)
        telemetry_scrape(web->telemetry, answer.status, head ? 0 : answer.body_bytes);
    return answer_send(&answer, connection, with_body);
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

/* The library has no option for the name of its thread, and calls this on it. */
static void
name_thread(void *context, struct MHD_Connection *connection, void **socket_context,
            enum MHD_ConnectionNotificationCode code)
{
    (void)context;
    (void)connection;
    (void)socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        (void)pthread_setname_np(pthread_self(), "web");
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

static bool
port_is_valid(const char *port)
{
    size_t length = strlen(port);
    return length > 0 && length <= 5 && strspn(port, "0123456789") == length &&
           strtoul(port, NULL, 10) <= UINT16_MAX;
}

/* HOST:PORT, with the brackets of an IPv6 address taken off. */
static int
address_split(const char *text, struct address *address)
{
    const char *colon = strrchr(text, ':');
    *address = (struct address){.text = text};
    if (colon == NULL || !port_is_valid(colon + 1))
        return -1;
    size_t length = (size_t)(colon - text);
    bool bracketed = length >= 2 && text[0] == '[' && colon[-1] == ']';
    const char *host = bracketed ? text + 1 : text;
    length -= bracketed ? 2 : 0;
    if (length >= sizeof(address->host) || (bracketed && length == 0) ||
        (!bracketed && memchr(host, ':', length) != NULL))
        return -1;
    memcpy(address->host, host, length);
    (void)snprintf(address->port, sizeof(address->port), "%s", colon + 1);
    return 0;
}

/* The listening socket, or -1 with errno.  An IPv6 wildcard takes IPv4 as well. */
static int
socket_listen(const struct sockaddr *address, socklen_t length)
{
    const int on = 1;
    const int off = 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, address, length) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int cause = errno;
    (void)close(fd);
    errno = cause;
    return -1;
}

static int
listen_everywhere(const char *port)
{
    in_port_t number = htons((uint16_t)strtoul(port, NULL, 10));
    struct sockaddr_in6 both = {
        .sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = number};
    int fd = socket_listen((const struct sockaddr *)&both, sizeof(both));
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    struct sockaddr_in only_4 = {.sin_family = AF_INET, .sin_port = number};
    return socket_listen((const struct sockaddr *)&only_4, sizeof(only_4));
}

static const char *
listen_remedy(int cause)
{
    switch (cause) {
    case EADDRINUSE:
        return "stop the other program or choose another port";
    case EACCES:
        return "choose a port above 1023 or allow the program low ports "
               "(CAP_NET_BIND_SERVICE)";
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return "choose an address that this host has, or :PORT for all";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files";
    default:
        return "choose another address";
    }
}

static int
listen_at(const struct address *address, char *error, size_t error_bytes)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int fd = -1;
    if (address->host[0] == '\0') {
        fd = listen_everywhere(address->port);
    } else {
        int code = getaddrinfo(address->host, address->port, &hints, &found);
        if (code != 0) {
            (void)snprintf(error, error_bytes,
                           "web.listen_addresses: %s is not an address of this host: "
                           "%s; write \":10177\", \"127.0.0.1:10177\" or "
                           "\"[::1]:10177\"",
                           address->text, gai_strerror(code));
            return -1;
        }
        fd = socket_listen(found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
    }
    if (fd < 0)
        (void)snprintf(error, error_bytes,
                       "web.listen_addresses: cannot listen on %s: %s; %s",
                       address->text, strerror(errno), listen_remedy(errno));
    return fd;
}

static void
describe_bound(int fd, struct listener *listener, char *text, size_t text_bytes)
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof(bound);
    char host[INET6_ADDRSTRLEN] = "?";
    char port[8] = "0";
    if (getsockname(fd, (struct sockaddr *)&bound, &length) == 0)
        (void)getnameinfo((const struct sockaddr *)&bound, length, host, sizeof(host),
                          port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    listener->port = (unsigned int)strtoul(port, NULL, 10);
    bool six = bound.ss_family == AF_INET6;
    (void)snprintf(text, text_bytes, "%s%s%s:%s", six ? "[" : "", host, six ? "]" : "",
                   port);
}

/* Signals are for the main loop, so the library's threads start with all blocked. */
static struct MHD_Daemon *
daemon_start(struct web *web, int fd)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        handle_request, web, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_REMOTE_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, name_thread,
        NULL, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static int
listener_start(struct web *web, const char *text, char *error, size_t error_bytes)
{
    struct listener *listener = &web->listeners[web->listeners_count];
    struct address address;
    char bound[ADDRESS_BYTES_MAX];
    if (address_split(text, &address) != 0) {
        (void)snprintf(error, error_bytes,
                       "web.listen_addresses: \"%s\" is not an address with a port; "
                       "write \":10177\", \"127.0.0.1:10177\" or \"[::1]:10177\"",
                       text);
        return -1;
    }
    int fd = listen_at(&address, error, error_bytes);
    if (fd < 0)
        return -1;
    describe_bound(fd, listener, bound, sizeof(bound));
    listener->daemon = daemon_start(web, fd);
    if (listener->daemon == NULL) {
        /* Whether the library has closed the socket it does not say; we end anyway. */
        (void)snprintf(error, error_bytes,
                       "web.listen_addresses: cannot serve %s: the HTTP library did "
                       "not start; raise the limits of open files and threads",
                       text);
        return -1;
    }
    web->listeners_count++;
    log_info("Listening on", LOG_STR("address", bound));
    return 0;
}

struct web *
web_start(const struct web_settings *settings, struct store *store,
          struct telemetry *telemetry, char *error, size_t error_bytes)
{
    size_t count = 0;
    while (settings->listen_addresses[count] != NULL)
        count++;
    struct web *web = memory_new(1, sizeof(*web) + count * sizeof(*web->listeners));
    web->store = store;
    web->telemetry = telemetry;
    web->telemetry_path = memory_string(settings->telemetry_path);
    web->landing = TEXT_INIT(LANDING_BYTES_MAX);
    landing_write(&web->landing, settings->telemetry_path);
    for (size_t i = 0; i < count; i++) {
        if (listener_start(web, settings->listen_addresses[i], error, error_bytes) == 0)
            continue;
        web_stop(web);
        return NULL;
    }
    return web;
}

unsigned int
web_port(const struct web *web, size_t index)
{
    return index < web->listeners_count ? web->listeners[index].port : 0;
}

void
web_stop(struct web *web)
{
    if (web == NULL)
        return;
    for (size_t i = 0; i < web->listeners_count; i++)
        MHD_stop_daemon(web->listeners[i].daemon);
    text_free(&web->landing);
    free(web->telemetry_path);
    free(web);
}

void
web_set_ready(struct web *web, bool ready)
{
    atomic_store(&web->ready, ready);
}
