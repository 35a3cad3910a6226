/* What all addresses serve, and how.  It stays as it is while they do. */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pollfd;
struct telemetry;
struct web_access;
struct web_auth;
struct web_pages;
struct web_reload;
struct web_targets;

struct web_site {
    struct web_access *access;
    struct web_auth *auth;
    struct web_pages *pages;
    struct web_targets *targets;
    struct web_reload *reload; /* NULL: nobody may ask for it */
    atomic_uint *scrapes;      /* being answered */
    unsigned int scrapes_max;  /* 0: any number */
    struct telemetry *telemetry;
    bool with_tls;
    int64_t request_ns, response_ns;
    int (*poll)(struct pollfd *files, unsigned long count, int timeout_ms);
};

#endif
