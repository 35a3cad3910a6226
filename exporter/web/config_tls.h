/* The section tls_server_config of the web configuration file: certificates, and who is
 * let in. */
#ifndef WEB_CONFIG_TLS_H
#define WEB_CONFIG_TLS_H

#include <stdbool.h>

struct tree_node;
struct failure;

#define WEB_SANS_MAX 256

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

struct web_tls_config {
    bool enabled;
    char *file; /* that says so, for sentences */
    struct web_pem cert, key, client_ca;
    enum web_client_auth client_auth;
    char **allowed_sans; /* NULL-terminated; NULL: any */
    char *priority;      /* versions, ciphers and curves as GnuTLS spells them */
};

/* Into a struct web_tls_config.  `map` NULL: no TLS.  Relative paths are from the
 * folder of the file. */
int web_config_tls_read(const struct tree_node *map, void *tls, struct failure *why);
void web_config_tls_clear(struct web_tls_config *tls);

#endif
