/* The web configuration file, in the format of Prometheus' exporter-toolkit, to one
 * immutable struct web_config.  The files that it names are not opened here.  What is
 * wrong is one sentence with file:line and the remedy. */
#ifndef WEB_CONFIG_H
#define WEB_CONFIG_H

#include "web/config_headers.h"
#include "web/config_tls.h"
#include "web/config_users.h"

#include <stdint.h>

struct web_rate_limit {
    int64_t interval_ns; /* 0: no limit */
    int64_t burst;
};

struct web_config {
    struct web_tls_config tls;
    struct web_header headers[WEB_HEADERS];
    struct web_users users;
    struct web_rate_limit rate_limit;
};

/* `path` NULL: neither TLS nor users.  NULL with one sentence. */
struct web_config *web_config_load(const char *path, struct failure *why);
void web_config_free(struct web_config *config); /* NULL is fine */

#endif
