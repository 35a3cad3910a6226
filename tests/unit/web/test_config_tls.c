/* The section tls_server_config of the web configuration file. */
#include "unit/web_config_text.h"

static void
paths_are_relative_to_the_file(void **state)
{
    (void)state;
    struct web_config *config = web_config_of(
        "tls_server_config:\n  cert_file: a.crt\n  key_file: /etc/a.key\n"
        "  client_ca_file: ca/c.crt\n  client_auth_type: RequireClientCert\n");
    assert_true(config->tls.enabled);
    assert_string_equal(config->tls.cert.path, "/proc/self/fd/a.crt");
    assert_int_equal(config->tls.cert.line, 2);
    assert_string_equal(config->tls.key.path, "/etc/a.key");
    assert_string_equal(config->tls.client_ca.path, "/proc/self/fd/ca/c.crt");
    assert_int_equal(config->tls.client_auth, WEB_CLIENT_REQUIRE_ANY);
    web_config_free(config);
}

static void
certificates_may_stand_in_the_file(void **state)
{
    (void)state;
    struct web_config *config = web_config_of(
        "tls_server_config:\n  cert: |\n    -----BEGIN CERTIFICATE-----\n    x\n"
        "  key: k\n  client_ca: c\n  client_auth_type: VerifyClientCertIfGiven\n");
    assert_string_equal(config->tls.cert.text, "-----BEGIN CERTIFICATE-----\nx\n");
    assert_null(config->tls.cert.path);
    assert_string_equal(config->tls.key.text, "k");
    assert_string_equal(config->tls.client_ca.text, "c");
    web_config_free(config);
}

static void
names_of_clients_are_read(void **state)
{
    struct web_config *config = web_config_of(
        TLS ", client_ca_file: c, client_auth_type: RequireAndVerifyClientCert, "
            "client_allowed_sans: [a.example, \"10.0.0.1\"]}");

    (void)state;
    assert_string_equal(config->tls.allowed_sans[0], "a.example");
    assert_string_equal(config->tls.allowed_sans[1], "10.0.0.1");
    assert_null(config->tls.allowed_sans[2]);
    assert_string_equal(config->tls.file, yaml_path);
    web_config_free(config);
    config = web_config_of(TLS ", client_allowed_sans: []}");
    assert_null(config->tls.allowed_sans); /* an empty list is none */
    web_config_free(config);
}

static const struct yaml_mistake mistakes[] = {
    {"tls_server_config: {cert_file: a, key_file: b, certfile: c}",
     "1: tls_server_config: unknown key \"certfile\"; did you mean \"cert_file\"?"},
    {"tls_server_config: 7", "1: tls_server_config: is not a map of keys"},
    {"tls_server_config: {key_file: b}", "1: tls_server_config: has no cert_file"},
    {"tls_server_config: {min_version: TLS12}",
     "1: tls_server_config: has no cert_file"},
    {"tls_server_config: {cert_file: \"\", key_file: b}",
     "1: tls_server_config: has no cert_file"},
    {"tls_server_config: {cert_file: a}", "1: tls_server_config: has no key_file"},
    {"tls_server_config:\n  cert_file: a\n  cert: b\n  key_file: c",
     "3: tls_server_config.cert: stands here beside cert_file; remove one"},
    {"tls_server_config: {cert_file: [a], key_file: b}",
     "1: tls_server_config.cert_file: is a list, not a single value"},
    {TLS ", client_ca_file: c}",
     "1: tls_server_config: has a client_ca_file but does not ask"},
    {TLS ", client_auth_type: RequireAndVerifyClientCert}",
     "1: tls_server_config: verifies client certificates but does not say against"},
    {TLS ", client_auth_type: VerifyClientCertIfGiven}",
     "1: tls_server_config: verifies client certificates but does not say against"},
    {TLS ", client_auth_type: requireandverifyclientcert}",
     "1: tls_server_config.client_auth_type: \"requireandverifyclientcert\" is "
     "unknown; "},
    {TLS ", client_allowed_sans: [a]}",
     "1: tls_server_config: has client_allowed_sans but does not verify"},
    {TLS ", client_allowed_sans: a}",
     "1: tls_server_config.client_allowed_sans: is not a list of names"},
    {TLS ", client_allowed_sans: [\"\"]}",
     "1: tls_server_config.client_allowed_sans[0]: is empty"},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    WEB_CONFIG_EACH_IS_REFUSED(mistakes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_relative_to_the_file),
        cmocka_unit_test(certificates_may_stand_in_the_file),
        cmocka_unit_test(names_of_clients_are_read),
        cmocka_unit_test(each_mistake_has_its_sentence),
    };

    return cmocka_run_group_tests_name("web config tls", tests, NULL, NULL);
}
