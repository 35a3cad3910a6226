/* What is served at which path, without a word of HTTP but for status and type.  Every
 * page is there before it is asked for, or is put together from what the store has;
 * nothing here waits for a guest.  Any thread. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "web/negotiate.h"

#include <stdbool.h>
#include <stddef.h>

struct body;
struct discovery_query;
struct pages_query;
struct selection;
struct store;
struct text;
struct web_pages;

enum web_route {
    WEB_ROUTE_NONE,
    WEB_ROUTE_METRICS,
    WEB_ROUTE_DISCOVERY,
    WEB_ROUTE_LANDING,
    WEB_ROUTE_GUESTS,
    WEB_ROUTE_GUEST,
    WEB_ROUTE_API_GUESTS,
    WEB_ROUTE_API_GUEST,
    WEB_ROUTE_STYLE,
    WEB_ROUTE_HEALTHY,
    WEB_ROUTE_READY,
    WEB_ROUTE_RELOAD,
};

/* What a request says. */
struct web_ask {
    const char *path;
    struct web_wish wish;                  /* of WEB_ROUTE_METRICS */
    struct selection *selection;           /* likewise, closed */
    const struct discovery_query *targets; /* of WEB_ROUTE_DISCOVERY */
    const struct pages_query *guests;      /* of those that take guests */
};

struct web_page {
    unsigned int status;
    const char *type;
    bool negotiated; /* another request may get it in another form */
    bool gzip;
    const char *allow;  /* methods, of 405; NULL: GET and HEAD */
    const char *policy; /* Content-Security-Policy; NULL: none of our own */
    const char *bytes;
    size_t length;
    void (*release)(void *owner); /* NULL: the bytes stay */
    void *owner;
    struct body *body; /* the owner, where it is one of the store's; else NULL */
};

/* Borrowed: `store`, and `states`, those that a guest's agent may be in
 * (NULL-terminated). */
struct web_pages *web_pages_new(struct store *store, const char *telemetry_path,
                                const char *const *states);
void web_pages_free(struct web_pages *pages); /* NULL is fine */
void web_pages_set_ready(struct web_pages *pages, bool ready);

enum web_route web_pages_route(const struct web_pages *pages, const char *path);
/* Whether pages_query_add() reads its parameters. */
bool web_route_takes_guests(enum web_route route);
/* All guests, to begin with. */
void web_pages_query(const struct web_pages *pages, struct pages_query *query);
/* Begins a selection of what /metrics has. */
void web_pages_select(const struct web_pages *pages, struct selection *selection);
/* `ask->targets` is that of WEB_ROUTE_DISCOVERY, if it has a problem. */
struct web_page web_pages_get(struct web_pages *pages, enum web_route route,
                              const struct web_ask *ask);
/* `sentence` must stay, as a literal does. */
struct web_page web_page_sentence(unsigned int status, const char *sentence);
/* Of a text of our own, which is taken. */
struct web_page web_page_text(unsigned int status, struct text *text);

#endif
