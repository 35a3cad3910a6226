/* The web configuration file as a whole; each section has a test of its own.
 * tests/e2e/test_web_files.py compares with promtool. */
#include "unit/web_config_text.h"

static void
nothing_is_plain_http_for_all(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "tls_server_config: {}", "basic_auth_users: {}",
        "basic_auth_users:", "http_server_config: {http2: false}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct web_config *config = web_config_of(texts[i]);

        assert_false(config->tls.enabled);
        assert_int_equal(config->users.count, 0);
        assert_int_equal(config->rate_limit.interval_ns, 0);
        web_config_free(config);
    }
    struct web_config *config = web_config_load(NULL, &yaml_why);
    assert_non_null(config);
    assert_false(config->tls.enabled);
    web_config_free(config);
    web_config_free(NULL);
}

static void
the_rate_is_limited_as_it_says(void **state)
{
    struct web_config *config = web_config_of("rate_limit: {interval: 250ms, burst: "
                                              "20}\n");

    (void)state;
    assert_int_equal(config->rate_limit.interval_ns, 250000000);
    assert_int_equal(config->rate_limit.burst, 20);
    web_config_free(config);
    config = web_config_of("rate_limit: {interval: 1s}\n");
    assert_int_equal(config->rate_limit.burst, 1);
    web_config_free(config);
}

static const struct yaml_mistake mistakes[] = {
    {"tls_sever_config: {}",
     "1: unknown key \"tls_sever_config\"; did you mean \"tls_server_config\"?"},
    {"basic_auth_users:\n  a: " HASH "\n  a: " HASH "\n",
     "3: \"a\" stands here a second time"},
    {"rate_limit: {interval: fast}",
     "1: rate_limit.interval: \"fast\" is not a duration"},
    {"rate_limit: {interval: 1s, burst: 0}", "1: rate_limit.burst: 0 is out of"},
    {"a: &x {}\n", "1: anchors (&) and aliases (*) are not allowed"},
};

static void
each_mistake_has_its_sentence(void **state)
{
    (void)state;
    WEB_CONFIG_EACH_IS_REFUSED(mistakes);
}

static void
a_missing_file_names_its_flag(void **state)
{
    (void)state;
    assert_null(web_config_load("/no/such.yml", &yaml_why));
    assert_string_equal(yaml_why.text,
                        "/no/such.yml: cannot be opened (No such file or "
                        "directory); check the path given with "
                        "--web.config.file");
    assert_null(web_config_load("/", &yaml_why));
    assert_string_equal(yaml_why.text,
                        "/: is a directory; give the YAML file itself with "
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
    while (fgets(line, sizeof(line), file)) {
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
    struct web_config *config = web_config_load("config/web.yml", &yaml_why);
    assert_non_null(config);
    assert_false(config->tls.enabled);
    assert_int_equal(config->users.count, 0);
    web_config_free(config);

    const char *text = annotated_uncommented();
    config = web_config_of(text);
    assert_true(config->tls.enabled);
    assert_int_equal(config->tls.client_auth, WEB_CLIENT_REQUIRE_AND_VERIFY);
    assert_int_equal(config->users.count, 1);
    assert_int_equal(config->rate_limit.interval_ns, 0);
    /* The defaults that it shows are the defaults. */
    struct web_config *usual = web_config_of(TLS "}");

    assert_string_equal(usual->tls.priority, config->tls.priority);
    web_config_free(usual);
    web_config_free(config);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char key[64];

        (void)snprintf(key, sizeof(key), "%s:", keys[i]);
        if (!strstr(text, key))
            fail_msg("config/web.yml does not show %s", keys[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_plain_http_for_all),
        cmocka_unit_test(the_rate_is_limited_as_it_says),
        cmocka_unit_test(each_mistake_has_its_sentence),
        cmocka_unit_test(a_missing_file_names_its_flag),
        cmocka_unit_test(the_annotated_file_has_all_keys_and_is_good),
    };

    return cmocka_run_group_tests_name("web config", tests, NULL, NULL);
}
