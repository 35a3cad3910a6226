/* Certificates, keys and authorities: what is wrong with them is named. */
#include "kit/failure.h"
#include "unit/web_certificates.h"
#include "web/access.h"
#include "web/config.h"
#include "web/tls.h"

#include <string.h>

static void
refuses(const char *text, const char *key, const char *sentence)
{
    char path[256], expected[1024];

    write_text("bad.yml", text);
    (void)snprintf(path, sizeof(path), "%s/bad.yml", folder);
    (void)snprintf(expected, sizeof(expected), "%s:1: tls_server_config.%s: %s/%s",
                   path, key, folder, sentence);
    struct failure why;
    struct web_access *access = web_access_open(path, false, NULL, NULL, &why);
    if (access || strstr(why.text, expected) != why.text)
        fail_msg("expected: %s\ngot:      %s", expected, why.text);
}

static void
files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    refuses("tls_server_config: {cert_file: none.crt, key_file: one.key}", "cert_file",
            "none.crt cannot be read (No such file or directory); check the path");
    refuses("tls_server_config: {cert_file: ., key_file: one.key}", "cert_file",
            ". cannot be read (Is a directory)");
}

static void
bad_pairs_are_named(void **state)
{
    (void)state;
    refuses("tls_server_config: {cert_file: not.pem, key_file: one.key}", "cert_file",
            "not.pem is no certificate in PEM; check the file");
    refuses("tls_server_config: {cert_file: one.crt, key_file: two.key}", "key_file",
            "two.key is not the key of the certificate in cert_file");
    refuses("tls_server_config: {cert_file: one.crt, key_file: not.pem}", "key_file",
            "not.pem and cert_file are not a certificate and its key in PEM");
    refuses("tls_server_config: {cert_file: one.crt, key_file: one.key, "
            "client_ca_file: not.pem, client_auth_type: RequireAndVerifyClientCert}",
            "client_ca_file", "not.pem holds no certificate in PEM; check the file");
}

static void
versions_that_do_not_exist_are_named(void **state)
{
    char path[256], expected[512];
    struct failure why;

    (void)state;
    write_text("bad.yml",
               "tls_server_config: {cert_file: one.crt, key_file: one.key}\n");
    (void)snprintf(path, sizeof(path), "%s/bad.yml", folder);
    struct web_access *access = web_access_open(path, false, NULL, NULL, &why);

    assert_non_null(access);
    struct web_policy *policy = web_access_get(access);
    struct web_tls_config config = policy->config->tls;

    assert_non_null(policy->tls);
    config.priority = (char[]){"NORMAL:+NONSENSE"};
    assert_null(web_tls_new(&config, &why));
    (void)snprintf(expected, sizeof(expected),
                   "%s: tls_server_config: this host's GnuTLS does not allow "
                   "\"+NONSENSE\"; change versions, ciphers or curves",
                   path);
    assert_string_equal(why.text, expected);
    web_policy_unref(policy);
    web_access_close(access);
    web_tls_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(bad_pairs_are_named),
        cmocka_unit_test(versions_that_do_not_exist_are_named),
    };

    return cmocka_run_group_tests_name("tls", tests, certificates_setup,
                                       certificates_teardown);
}
