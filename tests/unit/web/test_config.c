/* The web configuration file: what each key does, and the sentence for each mistake.
 * tests/e2e/test_web_access.py compares with promtool. */
#include "web/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HASH "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
#define TLS "tls_server_config: {cert_file: a.crt, key_file: a.key"

static char error[512], file_name[64];

static struct web_config *
load(const char *text)
{
    FILE *file = fopen(file_name, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
    struct web_config *config = web_config_load(file_name, error, sizeof(error));
    (void)unlink(file_name);
    return config;
}

static struct web_config *
good(const char *text)
{
    struct web_config *config = load(text);
    if (config == NULL)
        fail_msg("%s: %s", text, error);
    return config;
}

static void
bad(const char *text, const char *sentence)
{
    char expected[512];
    struct web_config *config = load(text);
    (void)snprintf(expected, sizeof(expected), "%s:%s", file_name, sentence);
    if (config != NULL || strstr(error, expected) != error)
        fail_msg("%s\nexpected: %s\ngot:      %s", text, expected, error);
}

static void
nothing_is_plain_http_for_all(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "tls_server_config: {}", "basic_auth_users: {}",
        "basic_auth_users:", "http_server_config: {http2: false}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct web_config *config = good(texts[i]);
        assert_false(config->tls.enabled);
        assert_int_equal(config->users_count, 0);
        assert_int_equal(config->rate_limit.interval_ns, 0);
        web_config_free(config);
    }
    struct web_config *config = web_config_load(NULL, error, sizeof(error));
    assert_non_null(config);
    assert_false(config->tls.enabled);
    web_config_free(config);
    web_config_free(NULL);
}

static void
paths_are_relative_to_the_file(void **state)
{
    (void)state;
    struct web_config *config =
        good("tls_server_config:\n  cert_file: a.crt\n  key_file: /etc/a.key\n"
             "  client_ca_file: ca/c.crt\n  client_auth_type: RequireClientCert\n");
    assert_true(config->tls.enabled);
    assert_string_equal(config->tls.cert.path, "/tmp/a.crt");
    assert_int_equal(config->tls.cert.line, 2);
    assert_string_equal(config->tls.key.path, "/etc/a.key");
    assert_string_equal(config->tls.client_ca.path, "/tmp/ca/c.crt");
    assert_int_equal(config->tls.client_auth, WEB_CLIENT_REQUIRE_ANY);
    web_config_free(config);
}

static void
certificates_may_stand_in_the_file(void **state)
{
    (void)state;
    struct web_config *config =
        good("tls_server_config:\n  cert: |\n    -----BEGIN CERTIFICATE-----\n    x\n"
             "  key: k\n  client_ca: c\n  client_auth_type: VerifyClientCertIfGiven\n");
    assert_string_equal(config->tls.cert.text, "-----BEGIN CERTIFICATE-----\nx\n");
    assert_null(config->tls.cert.path);
    assert_string_equal(config->tls.key.text, "k");
    assert_string_equal(config->tls.client_ca.text, "c");
    web_config_free(config);
}

static void
priority_is(const char *text, const char *priority)
{
    struct web_config *config = good(text);
    assert_string_equal(config->tls.priority, priority);
    web_config_free(config);
}

static void
versions_ciphers_and_curves(void **state)
{
    (void)state;
    priority_is(TLS "}",
                "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3:%SERVER_PRECEDENCE");
    priority_is(TLS ", min_version: TLS10, max_version: TLS12, "
                    "prefer_server_cipher_suites: false}",
                "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+VERS-TLS1.2");
    priority_is(TLS ", max_version: TLS12, cipher_suites: "
                    "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
                "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:-CIPHER-ALL:-MAC-ALL:+ECDHE-RSA:"
                "+AES-128-GCM:+AEAD:%SERVER_PRECEDENCE");
    priority_is(TLS ", min_version: TLS13, curve_preferences: [X25519, CurveP256]}",
                "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:"
                "+GROUP-SECP256R1:%SERVER_PRECEDENCE");
}

static void
users_are_found_by_name(void **state)
{
    (void)state;
    struct web_config *config =
        good("basic_auth_users:\n  alice: " HASH "\n  \"b ob\": "
             "$2b$12$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n");
    assert_int_equal(config->users_count, 2);
    assert_int_equal(config->bcrypt_cost, 12);
    assert_string_equal(web_config_user(config, "alice")->hash, HASH);
    assert_non_null(web_config_user(config, "b ob"));
    assert_null(web_config_user(config, "Alice"));
    assert_null(web_config_user(config, ""));
    web_config_free(config);
}

static void
headers_and_rate(void **state)
{
    (void)state;
    struct web_config *config = good(
        "http_server_config: {headers: {X-Frame-Options: deny, "
        "Content-Security-Policy: \"default-src 'self'\", X-XSS-Protection: \"\"}}\n"
        "rate_limit: {interval: 250ms, burst: 20}\n");
    size_t set = 0;
    for (size_t i = 0; i < WEB_HEADERS; i++)
        set += config->headers[i].value != NULL;
    assert_int_equal(set, 2);
    assert_int_equal(config->rate_limit.interval_ns, 250000000);
    assert_int_equal(config->rate_limit.burst, 20);
    web_config_free(config);
}

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } mistakes[] = {
        {"tls_sever_config: {}",
         "1: unknown key \"tls_sever_config\"; did you mean \"tls_server_config\"?"},
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
        {TLS ", min_version: TLS1.2}",
         "1: tls_server_config.min_version: \"TLS1.2\" is unknown; did you mean "
         "\"TLS12\"?"},
        {TLS ", min_version: TLS13, max_version: TLS12}",
         "1: tls_server_config.min_version: leaves no version of TLS"},
        {TLS ", max_version: TLS11}",
         "1: tls_server_config.max_version: leaves no version of TLS"},
        {TLS ", cipher_suites: [TLS_NULL]}",
         "1: tls_server_config.cipher_suites[0]: \"TLS_NULL\" is unknown; "},
        {TLS ", curve_preferences: P256}",
         "1: tls_server_config.curve_preferences: is not a list; write it like "
         "[CurveP256]"},
        {TLS ", prefer_server_cipher_suites: yes}",
         "1: tls_server_config.prefer_server_cipher_suites: \"yes\" is not true or "
         "false"},
        {"http_server_config: {http2: 2}", "1: http_server_config.http2: \"2\" is not"},
        {"http_server_config: {headers: {X-Foo: bar}}",
         "1: http_server_config.headers: unknown key \"X-Foo\"; "},
        {"http_server_config: {headers: {X-Frame-Options: never}}",
         "1: http_server_config.headers.X-Frame-Options: \"never\" is unknown; "},
        {"http_server_config: {headers: {Content-Security-Policy: \"a\\nb: c\"}}",
         "1: http_server_config.headers.Content-Security-Policy: holds a character"},
        {"basic_auth_users: [a]", "1: basic_auth_users: is not a map of users"},
        {"basic_auth_users:\n  a: secret\n",
         "2: basic_auth_users.a: is not a bcrypt hash of a password; make one with "},
        {"basic_auth_users:\n  a:\n", "2: basic_auth_users.a: has no value"},
        {"basic_auth_users:\n  a: $2x$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
         "VcEd00UAV/LDeSi\n",
         "2: basic_auth_users.a: is not a bcrypt hash"},
        {"basic_auth_users:\n  a: " HASH "x\n",
         "2: basic_auth_users.a: is not a bcrypt hash"},
        {"basic_auth_users:\n  a: $2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
         "VcEd00UAV/LDeSi\n",
         "2: basic_auth_users.a: has the cost 31, with which a log-in would take too "
         "long; make a hash with a cost of 14 or less"},
        {"basic_auth_users:\n  a: $2y$03$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
         "VcEd00UAV/LDeSi\n",
         "2: basic_auth_users.a: is not a bcrypt hash"},
        {"basic_auth_users: {\"a:b\": " HASH "}",
         "1: basic_auth_users.a:b: cannot be the name of a user"},
        {"basic_auth_users:\n  a: " HASH "\n  a: " HASH "\n",
         "3: \"a\" stands here a second time"},
        {"rate_limit: {interval: fast}",
         "1: rate_limit.interval: \"fast\" is not a duration"},
        {"rate_limit: {interval: 1s, burst: 0}", "1: rate_limit.burst: 0 is out of"},
        {"a: &x {}\n", "1: anchors (&) and aliases (*) are not allowed"},
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
        bad(mistakes[i].text, mistakes[i].sentence);
}

static void
a_missing_file_names_its_flag(void **state)
{
    (void)state;
    assert_null(web_config_load("/no/such.yml", error, sizeof(error)));
    assert_string_equal(error, "/no/such.yml: cannot be opened (No such file or "
                               "directory); check the path given with "
                               "--web.config.file");
    assert_null(web_config_load("/", error, sizeof(error)));
    assert_string_equal(error, "/: is a directory; give the YAML file itself with "
                               "--web.config.file");
}

/* A comment is "# " and text; what is switched off has no blank behind the "#", or two.
 */
static char *
annotated_uncommented(void)
{
    static char text[16384];
    char line[256];
    size_t used = 0;
    FILE *file = fopen("config/web.yml", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] != '#' || line[1] == '\n' || (line[1] == ' ' && line[2] != ' '))
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", line + 1);
        assert_true(used < sizeof(text));
    }
    (void)fclose(file);
    return text;
}

static void
the_annotated_file_has_all_keys_and_is_good(void **state)
{
    (void)state;
    static const char *const keys[] = {"cert_file",
                                       "key_file",
                                       "client_auth_type",
                                       "client_ca_file",
                                       "min_version",
                                       "max_version",
                                       "client_allowed_sans",
                                       "cipher_suites",
                                       "curve_preferences",
                                       "prefer_server_cipher_suites",
                                       "basic_auth_users",
                                       "headers",
                                       "http2",
                                       "interval",
                                       "burst"};
    struct web_config *config = web_config_load("config/web.yml", error, sizeof(error));
    assert_non_null(config);
    assert_false(config->tls.enabled);
    assert_int_equal(config->users_count, 0);
    web_config_free(config);

    const char *text = annotated_uncommented();
    config = good(text);
    assert_true(config->tls.enabled);
    assert_int_equal(config->tls.client_auth, WEB_CLIENT_REQUIRE_AND_VERIFY);
    assert_int_equal(config->users_count, 1);
    assert_int_equal(config->rate_limit.interval_ns, 0);
    /* The defaults that it shows are the defaults. */
    priority_is(TLS "}", config->tls.priority);
    web_config_free(config);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "%s:", keys[i]);
        if (strstr(text, key) == NULL)
            fail_msg("config/web.yml does not show %s", keys[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_plain_http_for_all),
        cmocka_unit_test(paths_are_relative_to_the_file),
        cmocka_unit_test(certificates_may_stand_in_the_file),
        cmocka_unit_test(versions_ciphers_and_curves),
        cmocka_unit_test(users_are_found_by_name),
        cmocka_unit_test(headers_and_rate),
        cmocka_unit_test(each_mistake_has_its_sentence),
        cmocka_unit_test(a_missing_file_names_its_flag),
        cmocka_unit_test(the_annotated_file_has_all_keys_and_is_good),
    };
    (void)snprintf(file_name, sizeof(file_name), "/tmp/test_web_config.%d.yml",
                   (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
