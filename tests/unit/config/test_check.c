/* Single values: which the exporter can work with. */
#include "base/log.h"
#include "config/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What is wrong with a value begins with `why`; NULL: nothing is. */
struct value {
    const char *text, *why;
};

static void
check(const char *(*function)(const char *), const struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *wrong = function(values[i].text);

        if (!wrong != !values[i].why ||
            (wrong && strncmp(wrong, values[i].why, strlen(values[i].why)) != 0))
            fail_msg("\"%s\": %s", values[i].text, wrong ? wrong : "is taken");
    }
}
#define CHECK(function, values)                                                        \
    check(function, values, sizeof(values) / sizeof((values)[0]))

static void
uris(void **state)
{
    static char longest[1026] = "a://";
    static const struct value values[] = {
        {"qemu:///system", NULL},
        {"qemu+ssh://root@far.example/system?keyfile=/x", NULL},
        {"", "is not a libvirt URI"},
        {"system", "is not"},
        {"://x", "is not"},
        {"qemu:/system", "is not"},
        {"qemu:///a b", "is not"},
        {"qemu:///\xc3\xa4", "is not"},
    };

    (void)state;
    CHECK(config_check_uri, values);
    memset(longest + 4, 'x', 1020);
    assert_null(config_check_uri(longest));
    longest[1024] = 'x';
    assert_non_null(config_check_uri(longest));
}

static void
socket_paths(void **state)
{
    static char longest[1026] = "/";
    static const struct value values[] = {
        {"/run/agents/*.sock", NULL},
        {"/run/{a,b}/x", NULL},
        {"", "is not the path of sockets"},
        {"/", "is not"},
        {"run/x", "is not"},
        {"/run/agents/", "is not"},
        {"/var/lib/libvirt/qemu/channel/target/*/org.qemu.guest_agent.0",
         "is libvirt's own channel"},
        {"/run/libvirt/qemu/channel/1-a/org.qemu.guest_agent.1", NULL},
        {"/srv/org.qemu.guest_agent.0", NULL},
    };

    (void)state;
    CHECK(config_check_socket_path, values);
    memset(longest + 1, 'x', 1023);
    assert_null(config_check_socket_path(longest));
    longest[1024] = 'x';
    assert_non_null(config_check_socket_path(longest));
}

static void
names(void **state)
{
    static char longest[66];
    static const struct value sources[] = {
        {"a", NULL},         {"A.b_c-1", NULL},        {"", "is empty"},
        {"a b", "is not a"}, {"a/b", "is not a name"},
    };
    static const struct value labels[] = {
        {"a", NULL},      {"_a9", NULL},     {"", "is not the name of a label"},
        {"9a", "is not"}, {"a-b", "is not"}, {"__a", "is not"},
    };

    (void)state;
    CHECK(config_check_source_name, sources);
    CHECK(config_check_label_name, labels);
    memset(longest, 'x', 64);
    assert_null(config_check_source_name(longest));
    assert_null(config_check_label_name(longest));
    longest[64] = 'x';
    assert_non_null(config_check_source_name(longest));
    assert_non_null(config_check_label_name(longest));
}

static void
listen_addresses(void **state)
{
    static const struct value values[] = {
        {":0", NULL},
        {":65535", NULL},
        {"127.0.0.1:80", NULL},
        {"[::1]:80", NULL},
        {"[fe80::1%eth0]:80", NULL},
        {"localhost:80", NULL},
        {"host-1.example.org:80", "is not"}, /* it would have to be resolved */
        {"localhost.:80", "is not"},
        {"", "is not an address to listen on"},
        {"80", "is not"},
        {":", "is not"},
        {":65536", "is not"},
        {":123456", "is not"},
        {":-1", "is not"},
        {"1.2.3:80", "is not"},
        {"256.0.0.1:80", "is not"},
        {"::1:80", "is not"},
        {"[::1:80", "is not"},
        {"[::g]:80", "is not"},
        {"[]:80", "is not"},
        {"a b:80", "is not"},
        {"unix:/run/qga-exporter/web.sock", NULL},
        {"unix:", "is not the path of a socket; write it like unix:/run/"},
        {"unix:web.sock", "is not the path"},
        {"unix:/run/", "is not the path"},
        {"unix:80", "is not the path"},
    };
    char path[160];

    (void)state;
    CHECK(config_check_listen_address, values);
    (void)snprintf(path, sizeof(path), "unix:/%0106d", 0);
    assert_null(config_check_listen_address(path));
    (void)snprintf(path, sizeof(path), "unix:/%0107d", 0);
    assert_non_null(config_check_listen_address(path));
}

static void
telemetry_paths(void **state)
{
    static const struct value values[] = {
        {"/metrics", NULL},
        {"/a/b.c_d~e-f", NULL},
        {"/sdx", NULL},
        {"/guestsx", NULL},
        {"", "is not a path for the metrics"},
        {"metrics", "is not"},
        {"/a?b", "is not"},
        {"/a//b", "is not"},
        {"/", "is the overview"},
        {"/-", "is kept for other pages"},
        {"/-/x", "is kept"},
        {"/sd", "is kept"},
        {"/sd/x", "is kept"},
        {"/api/v1/guests", "is kept"},
        {"/style.css", "is kept"},
        {"/guests", "is kept"},
    };

    (void)state;
    CHECK(config_check_telemetry_path, values);
}

static void
places_in_metadata(void **state)
{
    static const struct value values[] = {
        {"{https://example.com/1}a", NULL},
        {"{urn:x}a/b-c.d/_e@f", NULL},
        {"a/b", "is not a place in a domain's metadata"},
        {"{}a", "is not"},
        {"{n}", "is not"},
        {"{n}a/", "is not"},
        {"{n}/a", "is not"},
        {"{n}a@", "is not"},
        {"{n}a@b/c", "is not"},
        {"{n}1a", "is not"},
        {"{n}a[1]", "is not"},
        {"{n>}a", "is not"},
        {"{n n}a", "is not"},
    };

    (void)state;
    CHECK(config_check_metadata_path, values);
}

static void
levels_and_formats(void **state)
{
    static const struct value levels[] = {{"debug", NULL},
                                          {"info", NULL},
                                          {"warn", NULL},
                                          {"error", NULL},
                                          {"Info", "is not a log level"},
                                          {"", "is not a log level"}};
    static const struct value formats[] = {
        {"logfmt", NULL}, {"json", NULL}, {"xml", "is not a log format"}};

    (void)state;
    CHECK(config_check_log_level, levels);
    CHECK(config_check_log_format, formats);
    assert_string_equal(config_log_levels[LOG_WARN], "warn");
    assert_string_equal(config_log_formats[LOG_JSON], "json");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris),
        cmocka_unit_test(socket_paths),
        cmocka_unit_test(names),
        cmocka_unit_test(listen_addresses),
        cmocka_unit_test(telemetry_paths),
        cmocka_unit_test(places_in_metadata),
        cmocka_unit_test(levels_and_formats),
    };

    return cmocka_run_group_tests_name("config check", tests, NULL, NULL);
}
