/* Versions, ciphers and curves of the web configuration file, as GnuTLS spells them. */
#include "unit/web_config_text.h"

static void
priority_is(const char *text, const char *priority)
{
    struct web_config *config = web_config_of(text);

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

static const struct yaml_mistake mistakes[] = {
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
        cmocka_unit_test(versions_ciphers_and_curves),
        cmocka_unit_test(each_mistake_has_its_sentence),
    };

    return cmocka_run_group_tests_name("web config ciphers", tests, NULL, NULL);
}
