/* The web configuration file, in the format of Prometheus' exporter-toolkit, to one
 * immutable struct web_config.  The files that it names are not opened here.  What is
 * wrong is one sentence with file:line and the remedy. */
#ifndef WEB_CONFIG_H
#define WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_USERS_MAX 256
#define WEB_USER_BYTES_MAX 255
#define WEB_SANS_MAX 256
/* One more doubles the time of a log-in: 14 is about a second. */
#define WEB_BCRYPT_COST_MIN 4
#define WEB_BCRYPT_COST_MAX 14
#define WEB_BCRYPT_BYTES 60
#define WEB_HEADERS 5

enum web_client_auth {
    WEB_CLIENT_NONE,
    WEB_CLIENT_REQUEST,           /* asked for; not verified */
    WEB_CLIENT_REQUIRE_ANY,       /* must be given; not verified */
    WEB_CLIENT_VERIFY_IF_GIVEN,   /* need not be given, but must be good then */
    WEB_CLIENT_REQUIRE_AND_VERIFY /* must be given and good */
};

/* Certificates or a key: in a file or in the configuration itself. */
struct web_pem {
    char *path; /* relative ones are complete; NULL if ... */
    char *text; /* ... this is given, or neither */
    int line;
};

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
    struct {
        bool enabled;
        struct web_pem cert, key, client_ca;
        enum web_client_auth client_auth;
        char **allowed_sans; /* NULL-terminated; NULL: any */
        char *priority;      /* versions, ciphers and curves as GnuTLS spells them */
    } tls;
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
