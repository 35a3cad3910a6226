/* GnuTLS' credentials of one configuration. */
#include "web/tls.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "kit/failure.h"
#include "kit/memory.h"
#include "web/config_tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_FILE_BYTES_MAX ((size_t)2 << 20) /* a system's whole bundle is 250 KiB */

struct web_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
};

/* Always -1. */
__attribute__((format(printf, 5, 6))) static int
pem_fail(const struct web_tls_config *config, const struct web_pem *pem,
         const char *key, struct failure *why, const char *format, ...)
{
    char sentence[FAILURE_TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    failure_set(why, FAILURE_MALFORMED, "%s:%d: tls_server_config.%s: %s%s%s",
                config->file, pem->line, key, pem->path ? pem->path : "",
                pem->path ? " " : "", sentence);
    return -1;
}

/* The PEM text itself; `datum` is freed with pem_release(). */
static int
pem_load(const struct web_tls_config *config, const struct web_pem *pem,
         const char *key, gnutls_datum_t *datum, struct failure *why)
{
    size_t length = 0;
    char *text;

    if (pem->path) {
        text = file_read(file_open(pem->path), PEM_FILE_BYTES_MAX, &length);
        if (!text)
            return pem_fail(
                config, pem, key, why, "cannot be read (%s); %s", strerror(errno),
                errno == EACCES ? "let the exporter's user read it" : "check the path");
    } else {
        text = memory_string(pem->text ? pem->text : "");
        length = strlen(text);
    }
    datum->data = (unsigned char *)text;
    datum->size = (unsigned int)length;
    return 0;
}

static void
pem_release(gnutls_datum_t *datum)
{
    if (datum->data)
        explicit_bzero(datum->data, datum->size);
    free(datum->data);
}

static void
warn_of_dates(const struct web_tls_config *config, gnutls_x509_crt_t crt)
{
    time_t now = (time_t)(clock_realtime_ns() / NS_PER_S);

    if (gnutls_x509_crt_get_expiration_time(crt) < now)
        log_warn("the server's certificate has expired; renew it",
                 LOG_STR("file", config->file));
    else if (gnutls_x509_crt_get_activation_time(crt) > now)
        log_warn("the server's certificate is not valid yet; check the host's clock",
                 LOG_STR("file", config->file));
}

static int
key_pair_fail(const struct web_tls_config *config, int code, struct failure *why)
{
    const struct web_pem *key = &config->key;

    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return pem_fail(config, key, "key_file", why,
                        "is not the key of the certificate in cert_file; give the two "
                        "that belong together");
    if (code == GNUTLS_E_DECRYPTION_FAILED || code == GNUTLS_E_PK_SIGN_FAILED)
        return pem_fail(config, key, "key_file", why,
                        "needs a password; give a key without one");
    return pem_fail(config, key, "key_file", why,
                    "and cert_file are not a certificate and its key in PEM (%s); "
                    "check both",
                    gnutls_strerror(code));
}

/* The certificate by itself first, so that the sentence names the right one of the
 * two. */
static int
key_pair_set(struct web_tls *tls, const struct web_tls_config *config,
             const gnutls_datum_t *cert, const gnutls_datum_t *key, struct failure *why)
{
    gnutls_x509_crt_t *chain = NULL;
    unsigned int count = 0;

    if (gnutls_x509_crt_list_import2(&chain, &count, cert, GNUTLS_X509_FMT_PEM, 0) < 0)
        return pem_fail(config, &config->cert, "cert_file", why,
                        "is no certificate in PEM; check the file");
    int code = gnutls_certificate_set_x509_key_mem2(tls->credentials, cert, key,
                                                    GNUTLS_X509_FMT_PEM, NULL, 0);

    if (code >= 0)
        warn_of_dates(config, chain[0]);
    for (unsigned int i = 0; i < count; i++)
        gnutls_x509_crt_deinit(chain[i]);
    gnutls_free(chain);
    return code < 0 ? key_pair_fail(config, code, why) : 0;
}

static int
key_pair_load(struct web_tls *tls, const struct web_tls_config *config,
              struct failure *why)
{
    gnutls_datum_t cert = {.data = NULL}, key = {.data = NULL};
    int result = -1;

    if (pem_load(config, &config->cert, "cert_file", &cert, why) == 0 &&
        pem_load(config, &config->key, "key_file", &key, why) == 0)
        result = key_pair_set(tls, config, &cert, &key, why);
    pem_release(&cert);
    pem_release(&key);
    return result;
}

static int
client_ca_load(struct web_tls *tls, const struct web_tls_config *config,
               struct failure *why)
{
    const struct web_pem *pem = &config->client_ca;
    gnutls_datum_t ca = {.data = NULL};

    if (!pem->path && !pem->text)
        return 0;
    if (pem_load(config, pem, "client_ca_file", &ca, why) < 0)
        return -1;
    int count = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca,
                                                      GNUTLS_X509_FMT_PEM);

    pem_release(&ca);
    if (count > 0)
        return 0;
    return pem_fail(config, pem, "client_ca_file", why,
                    "holds no certificate in PEM; check the file");
}

static int
priority_load(struct web_tls *tls, const struct web_tls_config *config,
              struct failure *why)
{
    const char *at = NULL;

    if (gnutls_priority_init(&tls->priority, config->priority, &at) == 0)
        return 0;
    tls->priority = NULL;
    failure_set(why, FAILURE_MALFORMED,
                "%s: tls_server_config: this host's GnuTLS does not allow \"%s\"; "
                "change versions, ciphers or curves",
                config->file, at ? at : config->priority);
    return -1;
}

struct web_tls *
web_tls_new(const struct web_tls_config *config, struct failure *why)
{
    struct web_tls *tls = memory_new(1, sizeof(*tls));

    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
        (void)memory_need(NULL);
    if (priority_load(tls, config, why) < 0 || key_pair_load(tls, config, why) < 0 ||
        client_ca_load(tls, config, why) < 0) {
        web_tls_free(tls);
        return NULL;
    }
    return tls;
}

void
web_tls_free(struct web_tls *tls)
{
    if (!tls)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    if (tls->priority)
        gnutls_priority_deinit(tls->priority);
    free(tls);
}

int
web_tls_apply(const struct web_tls *tls, struct gnutls_session_int *session)
{
    if (gnutls_priority_set(session, tls->priority) < 0)
        return -1;
    return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
}
