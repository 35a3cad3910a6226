/* The web configuration file, in the format of Prometheus' exporter-toolkit, to one
 * immutable struct web_config.  The files that it names are not opened here.  What is
 * wrong is one sentence with file:line and the remedy. */
#ifndef WEB_CONFIG_H
#define WEB_CONFIG_H

#include "web/config_tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_USERS_MAX 256
#define WEB_USER_BYTES_MAX 255
/* One more doubles the time of a log-in: 14 is about a second. */
#define WEB_BCRYPT_COST_MIN 4
#define WEB_BCRYPT_COST_MAX 14
#define WEB_BCRYPT_BYTES 60
#define WEB_HEADERS 5

struct web_user {
    char *name;
    char *hash; /* bcrypt, of WEB_BCRYPT_BYTES */
};

struct web_header {
    const char *name;
    char *value; /* NULL: not configured */
};

struct web_config {
    char *file; /* for sentences */
    struct web_tls_config tls;
    struct web_header headers[WEB_HEADERS];
    struct web_user *users;
    size_t users_count;
    int bcrypt_cost; /* the highest of all users */
    struct {
        int64_t interval_ns; /* 0: no limit */
        int64_t burst;
    } rate_limit;
};

/* `path` NULL: neither TLS nor users.  NULL with one sentence in `error`. */
struct web_config *web_config_load(const char *path, char *error, size_t error_bytes);
void web_config_free(struct web_config *config); /* NULL is fine */

/* NULL if there is none of that name. */
const struct web_user *web_config_user(const struct web_config *config,
                                       const char *name);

#endif
