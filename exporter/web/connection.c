/* Connections of libmicrohttpd, and what we know of them besides. */
#include "web/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "kit/memory.h"
#include "store/body.h"
#include "web/access.h"
#include "web/config.h"
#include "web/remote.h"
#include "web/site.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long after it is not wanted any more a body is let go at the latest. */
#define LOOK_NS (NS_PER_S / 2)

/* What the library tells of a connection is taken at once: the next question makes the
 * pointer invalid (microhttpd.h since 1.0). */
static int
socket_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

static void
remote_of(struct MHD_Connection *library, unsigned char remote[WEB_REMOTE_BYTES])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    web_remote_identify(info ? info->client_addr : NULL, remote);
}

static struct gnutls_session_int *
session_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    return info ? info->tls_session : NULL;
}

static void
connection_cut(const struct web_connection *connection)
{
    int fd = socket_of(connection->library);

    if (fd < 0)
        return;
    /* So that the kernel does not go on with what it has taken over, either. */
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)shutdown(fd, SHUT_RDWR); /* the library sees it end */
}

/* Plain where TLS is wanted, or the other way round, can be for the moment between a
 * reload and the listener's new start. */
static int
connection_secure(struct web_connection *connection)
{
    const struct web_site *site = connection->all->site;

    connection->policy = web_access_get(site->access);
    if (!!connection->policy->tls != site->with_tls)
        return -1;
    if (!site->with_tls)
        return 0;
    struct gnutls_session_int *session = session_of(connection->library);

    connection->tls.fd = socket_of(connection->library);
    if (!session || connection->tls.fd < 0)
        return -1;
    return web_tls_session_start(connection->policy->tls,
                                 &connection->policy->config->tls, session,
                                 &connection->tls);
}

bool
web_connections_take(const struct web_connections *all, const struct sockaddr *remote)
{
    unsigned char bytes[WEB_REMOTE_BYTES];
    unsigned int own = 0, total = 0;

    web_remote_identify(remote, bytes);
    for (const struct web_connection *at = all->first; at; at = at->next) {
        own += memcmp(at->login.remote, bytes, sizeof(bytes)) == 0;
        total++;
    }
    unsigned int own_max = web_remote_is_local(bytes) ? WEB_CONNECTIONS_MAX
                                                      : WEB_CONNECTIONS_PER_REMOTE_MAX;
    bool takes = own == 0 || (own < own_max && total < WEB_CONNECTIONS_MAX);

    if (!takes)
        log_debug("a client has as many connections as it may have");
    return takes;
}

struct web_connection *
web_connection_start(struct web_connections *all, struct MHD_Connection *library)
{
    struct web_connection *connection = memory_new(1, sizeof(*connection));

    connection->library = library;
    connection->all = all;
    remote_of(library, connection->login.remote);
    connection->deadline_ns = clock_monotonic_ns() + all->site->request_ns;
    connection->next = all->first;
    connection->link = &all->first;
    if (connection->next)
        connection->next->link = &connection->next;
    all->first = connection;
    if (connection_secure(connection) < 0)
        connection_cut(connection);
    return connection;
}

static void
scrape_ends(struct web_connection *connection)
{
    if (connection->is_scrape)
        (void)atomic_fetch_sub(connection->all->site->scrapes, 1);
    connection->is_scrape = false;
}

/* The library has ended the TLS session before. */
void
web_connection_end(struct web_connection *connection)
{
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    scrape_ends(connection);
    web_targets_leave(&connection->targets);
    web_policy_unref(connection->policy);
    body_unref(connection->body);
    free(connection);
}

struct web_connection *
web_connection_of(struct MHD_Connection *library)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void
web_connection_asks(struct web_connection *connection, int64_t within_ns)
{
    int64_t response_ns = connection->all->site->response_ns;

    if (within_ns > 0 && within_ns < response_ns)
        response_ns = within_ns;
    connection->deadline_ns = clock_monotonic_ns() + response_ns;
    connection->has_asked = true;
    connection->is_answered = false;
}

bool
web_connection_scrapes(struct web_connection *connection)
{
    const struct web_site *site = connection->all->site;
    unsigned int now = atomic_load(site->scrapes);

    do {
        if (site->scrapes_max > 0 && now >= site->scrapes_max)
            return false;
    } while (!atomic_compare_exchange_weak(site->scrapes, &now, now + 1));
    connection->is_scrape = true;
    return true;
}

void
web_connection_reads(struct web_connection *connection, struct body *body)
{
    body_unref(connection->body);
    connection->body = body ? body_ref(body) : NULL;
}

void
web_connection_is_answered(struct web_connection *connection)
{
    web_connection_reads(connection, NULL);
    scrape_ends(connection);
    connection->is_owed = false;
    connection->is_answered = true;
    connection->deadline_ns = clock_monotonic_ns() + WEB_CONNECTION_IDLE_S * NS_PER_S +
                              connection->all->site->request_ns;
}

bool
web_connections_owe(const struct web_connections *all)
{
    const struct web_connection *at = all->first;

    while (at && !at->is_owed)
        at = at->next;
    return at;
}

void
web_connections_wake(const struct web_connections *all)
{
    const uint64_t one = 1;

    if (write(all->wake_fd, &one, sizeof(one)) < 0)
        log_debug("a web thread cannot be woken", LOG_STR("error", strerror(errno)));
}

/* The library wakes nobody when it is driven from outside. */
void
web_connection_resume(void *suspended)
{
    struct web_connection *connection = suspended;
    const struct web_connections *all = connection->all;

    MHD_resume_connection(connection->library);
    web_connections_wake(all);
}

int64_t
web_connections_sweep(struct web_connections *all, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;

    for (struct web_connection *at = all->first; at; at = at->next) {
        bool unwanted = at->body && shelf_is_unwanted(&at->body->place);

        if (at->deadline_ns <= now_ns || unwanted) {
            log_debug("a client takes too long and is cut off",
                      LOG_STR("why", unwanted ? "memory" : "time"));
            connection_cut(at);
            at->deadline_ns = INT64_MAX;
            web_connection_reads(at, NULL);
        }
        /* Another address's thread may find that it is not wanted. */
        int64_t look_ns = at->body ? now_ns + LOOK_NS : INT64_MAX;

        if (look_ns > at->deadline_ns)
            look_ns = at->deadline_ns;
        if (look_ns < next_ns)
            next_ns = look_ns;
    }
    return next_ns;
}
