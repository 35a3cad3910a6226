/* What GnuTLS asks of us during a handshake. */
#include "web/tls_session.h"

#include "base/log.h"
#include "web/config_tls.h"
#include "web/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define SAN_BYTES_MAX 1024

/* A name in the client's certificate as it is written in client_allowed_sans; an
 * address as text. */
static bool
san_is_allowed(const struct web_tls_config *config, unsigned int type, char *san,
               size_t length)
{
    char address[INET6_ADDRSTRLEN];
    bool is_text = type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME ||
                   type == GNUTLS_SAN_URI;

    if (type == GNUTLS_SAN_IPADDRESS) {
        if ((length != 4 && length != 16) ||
            !inet_ntop(length == 4 ? AF_INET : AF_INET6, san, address, sizeof(address)))
            return false;
        san = address;
    } else if (!is_text || strnlen(san, length) != length) {
        return false; /* a NUL inside: "good.example\0.evil.example" */
    }
    for (size_t i = 0; config->allowed_sans[i]; i++)
        if (strcmp(config->allowed_sans[i], san) == 0)
            return true;
    return false;
}

static bool
certificate_has_allowed_san(const struct web_tls_config *config, gnutls_x509_crt_t crt)
{
    for (unsigned int i = 0;; i++) {
        char san[SAN_BYTES_MAX + 1] = "";
        size_t length = SAN_BYTES_MAX;
        unsigned int type = 0;
        int code =
            gnutls_x509_crt_get_subject_alt_name2(crt, i, san, &length, &type, NULL);

        if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (code < 0)
            return false;
        if (san_is_allowed(config, type, san, length))
            return true;
    }
}

static bool
peer_has_allowed_san(const struct web_tls_config *config, const gnutls_datum_t *peer)
{
    gnutls_x509_crt_t crt;

    if (gnutls_x509_crt_init(&crt) < 0)
        return false;
    bool allowed = gnutls_x509_crt_import(crt, peer, GNUTLS_X509_FMT_DER) == 0 &&
                   certificate_has_allowed_san(config, crt);
    gnutls_x509_crt_deinit(crt);
    return allowed;
}

static int
refuse(gnutls_session_t session, gnutls_alert_description_t alert, const char *why)
{
    log_debug("a client's certificate is refused", LOG_STR("err", why));
    /* The client's error message is made of it; the library sends none by itself. */
    (void)gnutls_alert_send(session, GNUTLS_AL_FATAL, alert);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

static int
check_client(gnutls_session_t session, const struct web_tls_config *config)
{
    enum web_client_auth wanted = config->client_auth;
    unsigned int count = 0, status = 0;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);

    if (!peers || count == 0)
        return wanted == WEB_CLIENT_REQUIRE_ANY ||
                       wanted == WEB_CLIENT_REQUIRE_AND_VERIFY
                   ? refuse(session, GNUTLS_A_CERTIFICATE_REQUIRED, "it has none")
                   : 0;
    if (wanted < WEB_CLIENT_VERIFY_IF_GIVEN)
        return 0;
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st data = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                  .data = (unsigned char *)purpose};
    if (gnutls_certificate_verify_peers(session, &data, 1, &status) < 0)
        return refuse(session, GNUTLS_A_BAD_CERTIFICATE, "it cannot be verified");
    if (status & GNUTLS_CERT_EXPIRED)
        return refuse(session, GNUTLS_A_CERTIFICATE_EXPIRED, "it has expired");
    if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
        return refuse(session, GNUTLS_A_UNKNOWN_CA, "its authority is not ours");
    if (status != 0)
        return refuse(session, GNUTLS_A_BAD_CERTIFICATE, "it is not valid");
    if (config->allowed_sans && !peer_has_allowed_san(config, &peers[0]))
        return refuse(session, GNUTLS_A_ACCESS_DENIED,
                      "none of its names is in client_allowed_sans");
    return 0;
}

/* Called inside of the handshake, also when the client has given no certificate.  The
 * transport is ours; what gnutls_session_get_ptr() gives is the HTTP library's. */
static int
verify_client(gnutls_session_t session)
{
    struct web_tls_session *ours = gnutls_transport_get_ptr(session);
    int result = check_client(session, ours->config);

    ours->admitted = result == 0;
    return result;
}

/* Instead of recv(2).  Who speaks HTTP to a TLS port gets a sentence in HTTP, as of
 * other exporters, and not a connection that ends without a word. */
static ssize_t
pull(gnutls_transport_ptr_t transport, void *bytes, size_t length)
{
    struct web_tls_session *ours = transport;
    static const char answer[] =
        "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Connection: close\r\n\r\n"
        "This port speaks HTTPS: write https:// in front of the address.\n";
    ssize_t got = recv(ours->fd, bytes, length, 0);

    if (got <= 0 || ours->has_begun)
        return got;
    ours->has_begun = true;
    char first = ((const char *)bytes)[0];
    if (first < 'A' || first > 'Z') /* the type of a TLS record is below 32 */
        return got;
    (void)send(ours->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    errno = ECONNRESET;
    return -1;
}

int
web_tls_session_start(const struct web_tls *tls, const struct web_tls_config *config,
                      struct gnutls_session_int *session, struct web_tls_session *ours)
{
    bool asks = config->client_auth != WEB_CLIENT_NONE;

    if (web_tls_apply(tls, session) < 0)
        return -1;
    ours->config = config;
    ours->admitted = !asks;
    gnutls_session_set_verify_function(session, verify_client);
    gnutls_transport_set_ptr2(session, ours, (void *)(intptr_t)ours->fd);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_certificate_server_set_request(session, asks ? GNUTLS_CERT_REQUEST
                                                        : GNUTLS_CERT_IGNORE);
    return 0;
}

static int
no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
               gnutls_pcert_st **certs, unsigned int *certs_count,
               gnutls_ocsp_data_st **ocsp, unsigned int *ocsp_count,
               gnutls_privkey_t *key, unsigned int *flags)
{
    (void)session;
    (void)info;
    (void)certs;
    (void)certs_count;
    (void)ocsp;
    (void)ocsp_count;
    (void)key;
    (void)flags;
    return -1;
}

void *
web_tls_placeholder(void)
{
    gnutls_certificate_retrieve_function3 *function = no_certificate;
    void *pointer;
    /* POSIX has them of one size. */
    _Static_assert(sizeof(function) == sizeof(pointer), "a function's address");
    memcpy(&pointer, &function, sizeof(pointer));
    return pointer;
}
