/* What is served at which path, without a word of HTTP but for status and type.  Every
 * page is there before it is asked for, or is put together from what the store has;
 * nothing here waits for a guest.  Any thread. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "pages/query.h"
#include "store/discovery_query.h"
#include "store/selection.h"
#include "web/negotiate.h"

#include <stdbool.h>
#include <stddef.h>

struct body;
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
    enum web_route route;
    const char *path;
    struct web_wish wish;           /* of WEB_ROUTE_METRICS */
    struct selection selection;     /* likewise */
    struct discovery_query targets; /* of WEB_ROUTE_DISCOVERY */
    struct pages_query guests;      /* of those of guests */
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
    struct body *body; /* the owner, where it is one; else NULL */
};

/* Borrowed: `store`, and `states`, those that a guest's agent may be in
 * (NULL-terminated). */
struct web_pages *web_pages_new(struct store *store, const char *telemetry_path,
                                const char *const *states);
void web_pages_free(struct web_pages *pages); /* NULL is fine */
void web_pages_set_ready(struct web_pages *pages, bool ready);

enum web_route web_pages_route(const struct web_pages *pages, const char *path);
/* `path` is borrowed.  web_pages_get() must follow, but for WEB_ROUTE_DISCOVERY. */
void web_ask_init(struct web_ask *ask, const struct web_pages *pages,
                  enum web_route route, const char *path);
/* One parameter of the URL; `value` may be NULL. */
void web_ask_add(struct web_ask *ask, const char *key, const char *value);
/* `ask->targets` is that of WEB_ROUTE_DISCOVERY, if it has a problem. */
struct web_page web_pages_get(struct web_pages *pages, struct web_ask *ask);
/* `sentence` must stay, as a literal does. */
struct web_page web_page_sentence(unsigned int status, const char *sentence);
/* Of a text of our own, which is taken. */
struct web_page web_page_text(unsigned int status, struct text *text);
/* Good, of the body, whose reference it takes. */
struct web_page web_page_body(const char *type, struct body *body);

#endif
