/* Sockets that listen: which addresses are taken, and the sentence for each other. */
#include "kit/failure.h"
#include "web/listen.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void
refuses(const char *address, const char *expected)
{
    struct web_listener listener;
    struct failure why = {.text = ""};

    if (web_listen(address, &listener, &why) == 0 || !strstr(why.text, expected))
        fail_msg("%s: expected \"%s\", got \"%s\"", address, expected, why.text);
}

static struct web_listener
listens(const char *address)
{
    struct web_listener listener;
    struct failure why = {.text = ""};

    if (web_listen(address, &listener, &why) < 0)
        fail_msg("%s: %s", address, why.text);
    return listener;
}

static void
bad_addresses_are_named_with_the_remedy(void **state)
{
    static const char *const malformed[] = {
        "",          "10177",    ":",     ":x",      ":65536",    ":-1",
        "::1:10177", "[]:10177", "[::1]", ":123456", "[::1:10177"};
    char taken[64], expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        refuses(malformed[i], "is not an address with a port; write \":10177\"");
    refuses("192.0.2.1:0", "cannot listen on 192.0.2.1:0: Cannot assign requested "
                           "address; choose an address that this host has");
    refuses("no.such.host.invalid:1", "no.such.host.invalid:1 is not an address");
    struct web_listener listener = listens("127.0.0.1:0");

    (void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", listener.port);
    (void)snprintf(expected, sizeof(expected),
                   "web.listen_addresses: cannot listen on %s: Address already in use; "
                   "stop the other program or choose another port",
                   taken);
    refuses(taken, expected);
    (void)close(listener.fd);
}

static void
what_is_bound_is_told(void **state)
{
    struct web_listener listener = listens("127.0.0.1:0");
    char bound[WEB_ADDRESS_BYTES];

    (void)state;
    assert_true(listener.port > 0);
    (void)snprintf(bound, sizeof(bound), "127.0.0.1:%u", listener.port);
    assert_string_equal(listener.bound, bound);
    (void)close(listener.fd);
    listener = listens("localhost:0");
    assert_true(listener.port > 0);
    (void)close(listener.fd);
}

/* IPv4 reaches an address without a host as well. */
static void
every_address_is_both_families(void **state)
{
    struct web_listener listener = listens(":0");
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)listener.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(connect(fd, (struct sockaddr *)&four, sizeof(four)), 0);
    (void)close(fd);
    (void)close(listener.fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_addresses_are_named_with_the_remedy),
        cmocka_unit_test(what_is_bound_is_told),
        cmocka_unit_test(every_address_is_both_families),
    };

    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
