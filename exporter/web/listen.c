/* From the text of an address to a socket that listens. */
#include "web/listen.h"

#include "kit/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where a listen address leads. */
struct address {
    const char *text;             /* as configured, for messages */
    char host[WEB_ADDRESS_BYTES]; /* "" for every address of both families */
    char port[WEB_ADDRESS_BYTES];
};

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
    if (!colon || !port_is_valid(colon + 1))
        return -1;
    size_t length = (size_t)(colon - text);
    bool bracketed = length >= 2 && text[0] == '[' && colon[-1] == ']';
    const char *host = bracketed ? text + 1 : text;
    length -= bracketed ? 2 : 0;
    if (length >= sizeof(address->host) || (bracketed && length == 0) ||
        (!bracketed && memchr(host, ':', length)))
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
fail(const char *text, int cause, struct failure *why)
{
    failure_set(why, FAILURE_UNAVAILABLE,
                "web.listen_addresses: cannot listen on %s: %s; %s", text,
                strerror(cause), listen_remedy(cause));
    return -1;
}

static void
describe_bound(struct web_listener *listener)
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof(bound);
    char host[INET6_ADDRSTRLEN] = "?";
    char port[8] = "0";

    if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) == 0)
        (void)getnameinfo((const struct sockaddr *)&bound, length, host, sizeof(host),
                          port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    listener->port = (unsigned int)strtoul(port, NULL, 10);
    bool six = bound.ss_family == AF_INET6;
    (void)snprintf(listener->bound, sizeof(listener->bound), "%s%s%s:%s",
                   six ? "[" : "", host, six ? "]" : "", port);
}

/* The socket, or -1 with errno, which is 0 with a sentence. */
static int
listen_at(const struct address *address, struct failure *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;

    if (address->host[0] == '\0')
        return listen_everywhere(address->port);
    int code = getaddrinfo(address->host, address->port, &hints, &found);

    if (code != 0) {
        failure_set(why, FAILURE_UNAVAILABLE,
                    "web.listen_addresses: %s is not an address of this host: "
                    "%s; write \":10177\", \"127.0.0.1:10177\", \"[::1]:10177\" or "
                    "\"unix:/PATH\"",
                    address->text, gai_strerror(code));
        errno = 0;
        return -1;
    }
    int fd = socket_listen(found->ai_addr, found->ai_addrlen);
    int cause = errno;

    freeaddrinfo(found);
    errno = cause;
    return fd;
}

/* A host without one of the families, or without its loopback address, has the other.
 * If any port will do, the second takes that of the first. */
static int
listen_localhost(struct address *address, struct web_listener out[WEB_LISTENERS_MAX],
                 size_t *count, struct failure *why)
{
    static const char *const hosts[WEB_LISTENERS_MAX] = {"127.0.0.1", "::1"};
    int cause = EADDRNOTAVAIL;

    for (size_t i = 0; i < WEB_LISTENERS_MAX; i++) {
        (void)snprintf(address->host, sizeof(address->host), "%s", hosts[i]);
        int fd = listen_at(address, why);

        cause = fd < 0 ? errno : cause;
        if (fd < 0 && cause != EAFNOSUPPORT && cause != EADDRNOTAVAIL)
            break;
        if (fd < 0)
            continue;
        out[*count].fd = fd;
        describe_bound(&out[*count]);
        (void)snprintf(address->port, sizeof(address->port), "%u", out[*count].port);
        (*count)++;
        cause = 0;
    }
    if (*count > 0 && (cause == 0 || cause == EAFNOSUPPORT || cause == EADDRNOTAVAIL))
        return 0;
    while (*count > 0)
        web_listener_close(&out[--*count]);
    return fail(address->text, cause, why);
}

static int
listen_unix(const char *path, struct web_listener *out, struct failure *why)
{
    out->fd = web_unix_listen(path, &out->file, why);
    if (out->fd < 0)
        return -1;
    (void)snprintf(out->bound, sizeof(out->bound), WEB_UNIX_PREFIX "%s", path);
    return 0;
}

int
web_listen(const char *text, struct web_listener out[WEB_LISTENERS_MAX], size_t *count,
           struct failure *why)
{
    struct address address;

    *count = 0;
    memset(out, 0, WEB_LISTENERS_MAX * sizeof(*out));
    if (strncmp(text, WEB_UNIX_PREFIX, strlen(WEB_UNIX_PREFIX)) == 0) {
        *count = listen_unix(text + strlen(WEB_UNIX_PREFIX), out, why) == 0;
        return *count > 0 ? 0 : -1;
    }
    if (address_split(text, &address) < 0) {
        failure_set(
            why, FAILURE_UNAVAILABLE,
            "web.listen_addresses: \"%s\" is not an address with a port; write "
            "\":10177\", \"127.0.0.1:10177\", \"[::1]:10177\" or \"unix:/PATH\"",
            text);
        return -1;
    }
    if (strcmp(address.host, "localhost") == 0)
        return listen_localhost(&address, out, count, why);
    out->fd = listen_at(&address, why);
    if (out->fd < 0)
        return errno == 0 ? -1 : fail(text, errno, why);
    describe_bound(out);
    *count = 1;
    return 0;
}

void
web_listener_close(const struct web_listener *listener)
{
    web_unix_remove(&listener->file);
    (void)close(listener->fd);
}

static int
socket_option(int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

int
web_listen_inherited(int fd, struct web_listener *out, struct failure *why)
{
    int domain = socket_option(fd, SO_DOMAIN);
    bool is_tcp = (domain == AF_INET || domain == AF_INET6) &&
                  socket_option(fd, SO_PROTOCOL) == IPPROTO_TCP &&
                  socket_option(fd, SO_ACCEPTCONN) == 1;

    *out = (struct web_listener){.fd = is_tcp ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1};
    if (out->fd < 0) {
        failure_set(
            why, FAILURE_UNAVAILABLE,
            "--web.systemd-socket: file %d of the service manager is no TCP "
            "socket that listens; its unit needs ListenStream= with a port, and "
            "no Accept=",
            fd);
        return -1;
    }
    (void)fcntl(out->fd, F_SETFL, O_NONBLOCK);
    describe_bound(out);
    return 0;
}
