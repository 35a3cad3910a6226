/* GnuTLS.  Each session gets credentials, priorities and the check of the client's
 * certificate from the configuration that was in force when its connection began. */
#include "web/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "kit/memory.h"
#include "web/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEM_FILE_BYTES_MAX ((size_t)2 << 20) /* a system's whole bundle is 250 KiB */
#define SAN_BYTES_MAX 1024
#define NS_PER_S INT64_C(1000000000)

struct web_tls {
    const struct web_config *config;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
};

/* --- files --- */

static int
pem_fail(const struct web_config *config, const struct web_pem *pem, const char *key,
         const char *what, char *error, size_t error_bytes)
{
    (void)snprintf(error, error_bytes, "%s:%d: tls_server_config.%s: %s%s%s",
                   config->file, pem->line, key, pem->path != NULL ? pem->path : "",
                   pem->path != NULL ? " " : "", what);
    return -1;
}

static const char *
errno_sentence(char *sentence, size_t bytes)
{
    (void)snprintf(sentence, bytes, "cannot be read (%s); %s", strerror(errno),
                   errno == EACCES ? "let the exporter's user read it"
                                   : "check the path");
    return sentence;
}

/* What a file holds, NUL-terminated; NULL with errno. */
static char *
file_read(const char *path, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    char *bytes = memory_new(PEM_FILE_BYTES_MAX + 1, 1);
    ssize_t got = 1;
    for (*length = 0; got > 0 && *length < PEM_FILE_BYTES_MAX; *length += (size_t)got) {
        got = read(fd, bytes + *length, PEM_FILE_BYTES_MAX - *length);
        if (got < 0)
            break;
    }
    int cause = got < 0 ? errno : EFBIG;
    (void)close(fd);
    if (got == 0)
        return bytes;
    explicit_bzero(bytes, *length);
    free(bytes);
    errno = cause;
    return NULL;
}

/* The PEM text itself; `datum` is freed with pem_release(). */
static int
pem_load(const struct web_config *config, const struct web_pem *pem, const char *key,
         gnutls_datum_t *datum, char *error, size_t error_bytes)
{
    char sentence[256];
    size_t length = 0;
    char *text;
    if (pem->path != NULL) {
        text = file_read(pem->path, &length);
        if (text == NULL)
            return pem_fail(config, pem, key,
                            errno_sentence(sentence, sizeof(sentence)), error,
                            error_bytes);
    } else {
        text = memory_string(pem->text != NULL ? pem->text : "");
        length = strlen(text);
    }
    datum->data = (unsigned char *)text;
    datum->size = (unsigned int)length;
    return 0;
}

static void
pem_release(gnutls_datum_t *datum)
{
    if (datum->data != NULL)
        explicit_bzero(datum->data, datum->size);
    free(datum->data);
}

/* --- start --- */

static void
warn_of_dates(const struct web_config *config, const gnutls_datum_t *cert)
{
    gnutls_x509_crt_t *chain = NULL;
    unsigned int count = 0;
    if (gnutls_x509_crt_list_import2(&chain, &count, cert, GNUTLS_X509_FMT_PEM, 0) < 0)
        return;
    time_t now = (time_t)(clock_realtime_ns() / NS_PER_S);
    if (gnutls_x509_crt_get_expiration_time(chain[0]) < now)
        log_warn("the server's certificate has expired; renew it",
                 LOG_STR("file", config->file));
    else if (gnutls_x509_crt_get_activation_time(chain[0]) > now)
        log_warn("the server's certificate is not valid yet; check the host's clock",
                 LOG_STR("file", config->file));
    for (unsigned int i = 0; i < count; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
}

static int
key_pair_fail(const struct web_config *config, int code, char *error,
              size_t error_bytes)
{
    char sentence[256];
    const char *what = sentence;
    bool encrypted =
        code == GNUTLS_E_DECRYPTION_FAILED || code == GNUTLS_E_PK_SIGN_FAILED;
    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        what = "is not the key of the certificate in cert_file; give the two that "
               "belong together";
    else if (encrypted)
        what = "needs a password; give a key without one";
    else
        (void)snprintf(sentence, sizeof(sentence),
                       "and cert_file are not a certificate and its key in PEM (%s); "
                       "check both",
                       gnutls_strerror(code));
    return pem_fail(config, &config->tls.key, "key_file", what, error, error_bytes);
}

static int
key_pair_load(struct web_tls *tls, char *error, size_t error_bytes)
{
    const struct web_config *config = tls->config;
    gnutls_datum_t cert = {.data = NULL}, key = {.data = NULL};
    gnutls_x509_crt_t *chain = NULL;
    unsigned int count = 0;
    int result = -1;
    if (pem_load(config, &config->tls.cert, "cert_file", &cert, error, error_bytes) <
            0 ||
        pem_load(config, &config->tls.key, "key_file", &key, error, error_bytes) < 0)
        goto out;
    /* By itself, so that the sentence names the right one of the two. */
    if (gnutls_x509_crt_list_import2(&chain, &count, &cert, GNUTLS_X509_FMT_PEM, 0) <
        0) {
        (void)pem_fail(config, &config->tls.cert, "cert_file",
                       "is no certificate in PEM; check the file", error, error_bytes);
        goto out;
    }
    int code = gnutls_certificate_set_x509_key_mem2(tls->credentials, &cert, &key,
                                                    GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) {
        (void)key_pair_fail(config, code, error, error_bytes);
        goto out;
    }
    warn_of_dates(config, &cert);
    result = 0;
out:
    for (unsigned int i = 0; i < count; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    pem_release(&cert);
    pem_release(&key);
    return result;
}

static int
client_ca_load(struct web_tls *tls, char *error, size_t error_bytes)
{
    const struct web_config *config = tls->config;
    const struct web_pem *pem = &config->tls.client_ca;
    gnutls_datum_t ca = {.data = NULL};
    if (pem->path == NULL && pem->text == NULL)
        return 0;
    if (pem_load(config, pem, "client_ca_file", &ca, error, error_bytes) < 0)
        return -1;
    int count = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca,
                                                      GNUTLS_X509_FMT_PEM);
    pem_release(&ca);
    if (count > 0)
        return 0;
    return pem_fail(config, pem, "client_ca_file",
                    "holds no certificate in PEM; check the file", error, error_bytes);
}

struct web_tls *
web_tls_new(const struct web_config *config, char *error, size_t error_bytes)
{
    struct web_tls *tls = memory_new(1, sizeof(*tls));
    const char *at = NULL;
    tls->config = config;
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
        abort(); /* out of memory, as in memory_new() */
    if (gnutls_priority_init(&tls->priority, config->tls.priority, &at) < 0) {
        tls->priority = NULL;
        (void)snprintf(
            error, error_bytes,
            "%s: tls_server_config: this host's GnuTLS does not allow \"%s\"; "
            "change versions, ciphers or curves",
            config->file, at != NULL ? at : config->tls.priority);
        goto fail;
    }
    if (key_pair_load(tls, error, error_bytes) < 0 ||
        client_ca_load(tls, error, error_bytes) < 0)
        goto fail;
    return tls;
fail:
    web_tls_free(tls);
    return NULL;
}

void
web_tls_free(struct web_tls *tls)
{
    if (tls == NULL)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priority != NULL)
        gnutls_priority_deinit(tls->priority);
    free(tls);
}

/* --- sessions --- */

/* A name in the client's certificate as it is written in client_allowed_sans; an
 * address as text. */
static bool
san_is_allowed(const struct web_config *config, unsigned int type, char *san,
               size_t length)
{
    char address[INET6_ADDRSTRLEN];
    bool is_text = type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME ||
                   type == GNUTLS_SAN_URI;
    if (type == GNUTLS_SAN_IPADDRESS) {
        if ((length != 4 && length != 16) ||
            inet_ntop(length == 4 ? AF_INET : AF_INET6, san, address,
                      sizeof(address)) == NULL)
            return false;
        san = address;
    } else if (!is_text || strnlen(san, length) != length) {
        return false; /* a NUL inside: "good.example\0.evil.example" */
    }
    for (size_t i = 0; config->tls.allowed_sans[i] != NULL; i++)
        if (strcmp(config->tls.allowed_sans[i], san) == 0)
            return true;
    return false;
}

static bool
certificate_has_allowed_san(const struct web_config *config, gnutls_x509_crt_t crt)
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
peer_has_allowed_san(const struct web_config *config, const gnutls_datum_t *peer)
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
check_client(gnutls_session_t session, const struct web_config *config)
{
    enum web_client_auth wanted = config->tls.client_auth;
    unsigned int count = 0, status = 0;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
    if (peers == NULL || count == 0)
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
    if (config->tls.allowed_sans != NULL && !peer_has_allowed_san(config, &peers[0]))
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
    int result = check_client(session, ours->tls->config);
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
web_tls_session_start(const struct web_tls *tls, struct gnutls_session_int *session,
                      struct web_tls_session *ours)
{
    enum web_client_auth wanted = tls->config->tls.client_auth;
    if (gnutls_priority_set(session, tls->priority) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0)
        return -1;
    ours->tls = tls;
    ours->admitted = wanted == WEB_CLIENT_NONE;
    gnutls_session_set_verify_function(session, verify_client);
    gnutls_transport_set_ptr2(session, ours, (void *)(intptr_t)ours->fd);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_certificate_server_set_request(
        session, wanted == WEB_CLIENT_NONE ? GNUTLS_CERT_IGNORE : GNUTLS_CERT_REQUEST);
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
