/* The parameters of /sd: what is refused, with which sentence, and what they take. */
#include "store/discovery_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct discovery_query
asked(const char *const *parameters)
{
    struct discovery_query query;

    discovery_query_init(&query);
    for (; *parameters; parameters += 2)
        discovery_query_add(&query, parameters[0], parameters[1]);
    return query;
}
#define ASKED(...) asked((const char *const[]){__VA_ARGS__, NULL})

static void
refused(struct discovery_query query, const char *part)
{
    if (!strstr(query.problem, part))
        fail_msg("\"%s\" is not in \"%s\"", part, query.problem);
    assert_null(strchr(query.problem, '\n'));
}

static void
test_queries_that_are_refused(void **state)
{
    static const char *const ports[] = {"",   "0",  "65536", "99999", "x",
                                        "-1", "1 ", "+1",    "0x10",  "000001"};
    static const char *const networks[] = {"",       "10.0.0.0/33", "10.0.0/8",
                                           "::/129", "10.0.0.0/",   "10.0.0.0/8/8",
                                           "/8",     "x",           "10.0.0.0/ 8"};

    (void)state;
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        refused(ASKED("port", ports[i]), "from 1 to 65535");
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
        refused(ASKED("network", networks[i]), "10.0.0.0/8");
    refused(ASKED("family", "ipx"), "ipv4, ipv6 or any");
    refused(ASKED("all", "yes"), "1 or 0");
    refused(ASKED("prot", "1"), "did you mean \"port\"");
    refused(ASKED("x\"\n<", "1"), "x?"
                                  "?<");
    refused(ASKED("port", "1", "port", "2"), "one number");
    /* The first problem is the one that is told. */
    refused(ASKED("all", "2", "port", "x"), "all=2");
    assert_string_equal(ASKED("port", "80", "family", "any", "all", "0", "network",
                              "10.0.0.0/8", "network", "::/0", "network", "10.0.0.1")
                            .problem,
                        "");
}

static void
test_too_many_networks(void **state)
{
    struct discovery_query query;

    (void)state;
    discovery_query_init(&query);
    for (size_t i = 0; i < DISCOVERY_NETWORKS_MAX; i++)
        discovery_query_add(&query, "network", "10.0.0.0/8");
    assert_string_equal(query.problem, "");
    discovery_query_add(&query, "network", "10.0.0.0/8");
    refused(query, "too many");
}

static void
addresses_are_taken_by_family_and_network(void **state)
{
    struct discovery_address four, six;

    (void)state;
    assert_true(discovery_address_read(&four, "eth0", "10.0.0.1"));
    assert_true(discovery_address_read(&six, "eth0", "2001:db8::1"));
    struct discovery_query query = ASKED("family", "ipv6");

    assert_false(discovery_query_takes(&query, &four));
    assert_true(discovery_query_takes(&query, &six));
    query = ASKED("network", "10.0.0.0/8", "network", "192.168.0.0/16");
    assert_true(discovery_query_takes(&query, &four));
    assert_false(discovery_query_takes(&query, &six));
    discovery_query_init(&query);
    assert_int_equal(query.port, DISCOVERY_DEFAULT_PORT);
    assert_true(discovery_query_takes(&query, &four));
    assert_true(discovery_query_takes(&query, &six));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_that_are_refused),
        cmocka_unit_test(test_too_many_networks),
        cmocka_unit_test(addresses_are_taken_by_family_and_network),
    };

    return cmocka_run_group_tests_name("discovery query", tests, NULL, NULL);
}
