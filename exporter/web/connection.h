/* The clients of one address and their deadlines.  They are the address's thread's
 * alone, but for what is said otherwise. */
#ifndef WEB_CONNECTION_H
#define WEB_CONNECTION_H

#include "web/auth.h"
#include "web/reload.h"
#include "web/targets.h"
#include "web/tls_session.h"

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct body;
struct sockaddr;
struct web_policy;
struct web_site;

/* Without a byte in either direction. */
#define WEB_CONNECTION_IDLE_S 15U
/* At once.  Prometheus needs one; what is left is for people and for abuse.  So many
 * are one client's (web/remote.h; those of a UNIX socket may have all), and some more
 * are for those who have none. */
#define WEB_CONNECTIONS_MAX 64U
#define WEB_CONNECTIONS_PER_REMOTE_MAX 32U
#define WEB_CONNECTIONS_FIRST_MAX 8U

struct web_connections {
    const struct web_site *site;
    int wake_fd; /* an eventfd: who writes there wakes the thread */
    struct web_connection *first;
};

struct web_connection {
    struct web_connection *next, **link; /* among the address's */
    struct web_connections *all;
    struct MHD_Connection *library;
    int64_t deadline_ns;
    struct web_policy *policy; /* that its TLS session is made of; else NULL */
    struct web_tls_session tls;
    struct web_login login;         /* the log-ins' thread's, while it waits */
    struct web_targets_ask targets; /* the lists' thread's, while it waits */
    struct body *body;              /* that it reads, an owned reference; or NULL */
    struct web_reload_ask reload;   /* likewise */
    bool waits, waits_for_targets, waits_for_reload;
    bool has_asked, is_answered;
    bool is_owed;   /* the outcome of a reload */
    bool is_scrape; /* and counts as one */
};

/* Whether there is room for one more of this client's. */
bool web_connections_take(const struct web_connections *all,
                          const struct sockaddr *remote);

/* For the library's notification of a new connection, and of its end.  A connection
 * that cannot be had is cut. */
struct web_connection *web_connection_start(struct web_connections *all,
                                            struct MHD_Connection *library);
void web_connection_end(struct web_connection *connection);
/* NULL: it was never started. */
struct web_connection *web_connection_of(struct MHD_Connection *library);

/* Its request is there, and its answer is given: each has its deadline.  `within_ns` is
 * the client's own for the answer; 0: none. */
void web_connection_asks(struct web_connection *connection, int64_t within_ns);
void web_connection_is_answered(struct web_connection *connection);
/* Counts its request as a scrape until it is answered; false: there are enough. */
bool web_connection_scrapes(struct web_connection *connection);
/* What is given as the answer; NULL: nothing of the store's. */
void web_connection_reads(struct web_connection *connection, struct body *body);

/* Lets a connection go on that the library has suspended; for the `notify` of what it
 * waits for.  Any thread. */
void web_connection_resume(void *connection);

/* Cuts those who took too long, and those whose body is not wanted any more; returns
 * when the next one will have. */
int64_t web_connections_sweep(struct web_connections *all, int64_t now_ns);
/* Whether one of them is owed the outcome of a reload. */
bool web_connections_owe(const struct web_connections *all);
/* Any thread. */
void web_connections_wake(const struct web_connections *all);

#endif
