/* The HTTP side: routes over libmicrohttpd.  Reads the store and nothing else. */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failure;
struct pollfd;
struct store;
struct telemetry;
struct web;
struct web_access;

struct web_settings {
    const char *const *listen_addresses; /* of web/listen.h; NULL-terminated */
    size_t inherited_count;              /* sockets from WEB_ACTIVATION_FIRST_FD on,
                                            in place of the addresses; 0: none */
    const char *telemetry_path;          /* "/metrics" */
    struct web_access *access;           /* borrowed */
    const char *const *states;           /* of agents; NULL-terminated, static */
    unsigned int scrapes_max;            /* at once; 0: any number */
    /* Who asks by HTTP for a reload: web/reload.h; NULL: nobody may. */
    void (*want_reload)(void *context);
    void *want_reload_context;
    /* For tests; 0 and NULL: the limits of web/web.c, and poll(2). */
    int64_t request_ns, response_ns;
    int (*poll)(struct pollfd *files, unsigned long count, int timeout_ms);
};

/* Starts to listen; logs one line for each address.  NULL with one sentence that names
 * the address and the remedy. */
struct web *web_start(const struct web_settings *settings, struct store *store,
                      struct telemetry *telemetry, struct failure *why);
/* The port that the socket at `index` is bound to (":0" asks for a free one); in the
 * order of the addresses, of which localhost may have two. */
unsigned int web_port(const struct web *web, size_t index);
/* Whether it can serve what the access now says: with TLS or without is decided at the
 * start.  If not, it serves nobody. */
bool web_fits(const struct web *web);
/* Around a reload, for those who ask for it: as in web/reload.h; NULL is fine. */
void web_begin_reload(struct web *web);
void web_end_reload(struct web *web, const struct failure *why);
/* Lets go of the addresses; who is connected is served on.  -1 with a sentence, and
 * nothing has changed: there are not enough files to come back to them, which are held
 * until web_let_return(). */
int web_leave(struct web *web, struct failure *why);
/* After web_leave(): the next web_start() may be one with its settings; NULL is fine.
 */
void web_let_return(struct web *web);
/* Ends open connections within a second; NULL is fine. */
void web_stop(struct web *web);

/* What /-/ready answers: false (503) until the first pass over the guests is through,
 * or the sources have failed to connect once.  Any thread. */
void web_set_ready(struct web *web, bool ready);

#endif
