/* TLS on the server's side: certificates, key and authorities of one web configuration,
 * and what a session of a client must fulfil.  Immutable once made; any thread.
 *
 * The HTTP library only asks for a client's certificate.  It is verified here, inside
 * of the handshake, so that no byte of HTTP is read from a client that has none. */
#ifndef WEB_TLS_H
#define WEB_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct web_config;
struct web_tls;
struct gnutls_session_int; /* what gnutls_session_t points to */

/* Reads the files that the configuration names.  NULL with one sentence in `error`.
 * `config` is borrowed and must outlive it. */
struct web_tls *web_tls_new(const struct web_config *config, char *error,
                            size_t error_bytes);
/* Not before the last session has ended; NULL is fine. */
void web_tls_free(struct web_tls *tls);

/* Of one connection; the caller's, for as long as the session is there. */
struct web_tls_session {
    int fd;                    /* set by the caller */
    const struct web_tls *tls; /* and from here on by this module */
    bool has_begun;            /* the client has sent something */
    bool admitted;             /* its certificate is good, or it needs none */
};

/* Before the handshake of a server's session.  0, or -1: end the connection. */
int web_tls_session_start(const struct web_tls *tls, struct gnutls_session_int *session,
                          struct web_tls_session *ours);

/* A function of the type gnutls_certificate_retrieve_function3, for the HTTP library,
 * which wants to see where certificates come from.  It has none: those of the session
 * count. */
void *web_tls_placeholder(void);

#endif
