/* The section http_server_config of the web configuration file. */
#include "unit/web_config_text.h"

static void
headers_are_those_of_the_toolkit(void **state)
{
    struct web_config *config = web_config_of(
        "http_server_config: {http2: true, headers: {X-Frame-Options: deny, "
        "Content-Security-Policy: \"default-src 'self'\", X-XSS-Protection: \"\"}}\n");

    static const struct {
        const char *name, *value;
    } wanted[WEB_HEADERS] = {
        {"Content-Security-Policy", "default-src 'self'"},
        {"X-Frame-Options", "deny"},
        {"X-Content-Type-Options", NULL},
        {"X-XSS-Protection", NULL}, /* an empty one is none */
        {"Strict-Transport-Security", NULL},
    };

    (void)state;
    for (size_t i = 0; i < WEB_HEADERS; i++) {
        assert_string_equal(config->headers[i].name, wanted[i].name);
        if (wanted[i].value)
            assert_string_equal(config->headers[i].value, wanted[i].value);
        else
            assert_null(config->headers[i].value);
    }
    web_config_free(config);
}

static void
values_are_limited(void **state)
{
    static char text[5000];

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "http_server_config:\n  headers:\n    X-XSS-Protection: %04097d\n",
                   0);
    yaml_write(text, strlen(text));
    assert_null(web_config_read_written());
    assert_string_equal(yaml_sentence(),
                        "3: http_server_config.headers.X-XSS-Protection: is longer "
                        "than 4096 bytes; shorten it");
}

static const struct yaml_mistake mistakes[] = {
    {"http_server_config: {http2: 2}", "1: http_server_config.http2: \"2\" is not"},
    {"http_server_config: {headers: {X-Foo: bar}}",
     "1: http_server_config.headers: unknown key \"X-Foo\"; "},
    {"http_server_config: {headers: {X-Frame-Options: never}}",
     "1: http_server_config.headers.X-Frame-Options: \"never\" is unknown; "},
    {"http_server_config: {headers: {Content-Security-Policy: \"a\\nb: c\"}}",
     "1: http_server_config.headers.Content-Security-Policy: holds a character"},
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
        cmocka_unit_test(headers_are_those_of_the_toolkit),
        cmocka_unit_test(values_are_limited),
        cmocka_unit_test(each_mistake_has_its_sentence),
    };

    return cmocka_run_group_tests_name("web config headers", tests, NULL, NULL);
}
