/* A folder with certificates: one and two, each signed by itself.  For the file of a
 * test's main() alone. */
#ifndef UNIT_WEB_CERTIFICATES_H
#define UNIT_WEB_CERTIFICATES_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "unit/cmocka_any.h"

static char folder[] = "/tmp/test_web_tls.XXXXXX";

static inline void
write_text(const char *name, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* NAME.crt, signed by itself, with NAME.key. */
static inline void
make_certificate(const char *name)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    char file[64];
    const unsigned char serial = 1;

    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(
        gnutls_x509_privkey_generate(
            key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        0);
    assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(crt, &serial, 1), 0);
    assert_int_equal(gnutls_x509_crt_set_dn(crt, "CN=test", NULL), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600), 0);
    assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    (void)snprintf(file, sizeof(file), "%s.crt", name);
    write_text(file, (char *)pem.data);
    gnutls_free(pem.data);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    write_text(file, (char *)pem.data);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static inline int
certificates_setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    make_certificate("one");
    make_certificate("two");
    write_text("not.pem", "this is no certificate\n");
    write_text("web.yml",
               "tls_server_config: {cert_file: one.crt, key_file: one.key}\n");
    return 0;
}

static inline int
certificates_teardown(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

#endif
