/* What the TLS session of a client must fulfil.
 *
 * The HTTP library only asks for a client's certificate.  It is verified here, inside
 * of the handshake, so that no byte of HTTP is read from a client that has none. */
#ifndef WEB_TLS_SESSION_H
#define WEB_TLS_SESSION_H

#include <stdbool.h>

struct gnutls_session_int; /* what gnutls_session_t points to */
struct web_tls;
struct web_tls_config;

/* Of one connection; the caller's, for as long as the session is there. */
struct web_tls_session {
    int fd;                              /* set by the caller */
    const struct web_tls_config *config; /* and from here on by this module */
    bool has_begun;                      /* the client has sent something */
    bool admitted;                       /* its certificate is good, or it needs none */
};

/* Before the handshake of a server's session, with the credentials and demands that are
 * in force now.  0, or -1: end the connection. */
int web_tls_session_start(const struct web_tls *tls,
                          const struct web_tls_config *config,
                          struct gnutls_session_int *session,
                          struct web_tls_session *ours);

/* A function of the type gnutls_certificate_retrieve_function3, for the HTTP library,
 * which wants to see where certificates come from.  It has none: those of the session
 * count. */
void *web_tls_placeholder(void);

#endif
