/* TLS on the server's side: certificates, key and authorities of one web configuration.
 * Immutable once made; any thread. */
#ifndef WEB_TLS_H
#define WEB_TLS_H

struct failure;
struct gnutls_session_int; /* what gnutls_session_t points to */
struct web_tls;
struct web_tls_config;

/* Reads the files that the configuration names.  NULL with one sentence. */
struct web_tls *web_tls_new(const struct web_tls_config *config, struct failure *why);
/* Not before the last session has ended; NULL is fine. */
void web_tls_free(struct web_tls *tls);

/* To a server's session, before its handshake.  0, or negative. */
int web_tls_apply(const struct web_tls *tls, struct gnutls_session_int *session);

#endif
