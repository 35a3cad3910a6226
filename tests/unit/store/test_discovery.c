/* What a guest says of its addresses, and what is kept of it. */
#include "store/discovery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void
test_addresses_that_nobody_could_reach(void **state)
{
    static const char *const bad[] = {
        "",
        "nonsense",
        "10.0.0.1:80",
        "10.0.0.1/8",
        "127.0.0.1",
        "127.255.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "169.254.169.254",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::7f00:1",
        "fe80::1%eth0",
        "[2001:db8::1]",
        "example.com",
        "10.0.0.1\n",
        /* IPv4 by a translator: mapped, SIIT, NAT64 of all, NAT64 of a site */
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1:7f00:1::",
        "64:ff9b:1::169.254.169.254",
        /* by 6to4: loopback, link-local, multicast, "this host" */
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:e000:1::1",
        "2002::1",
        /* by Teredo: the server, then the client, whose bits are flipped */
        "2001:0:7f00:1::80ff:fffe",
        "2001:0:c000:201:0:1:80ff:fffe",
        "2001:0:c000:201:0:1:5601:5601",
        "2001:0:c000:201:0:1:1fff:fffe",
    };
    static const char *const good[] = {"10.0.0.1",
                                       "192.168.122.9",
                                       "172.16.0.1",
                                       "223.1.1.1",
                                       "2001:db8::1",
                                       "fd00::1",
                                       "fec0::1",
                                       "169.253.0.1",
                                       "0:0:0:0:1::",
                                       "2002:c000:201::1",
                                       "2001:0:c000:201:0:1:3fff:fdfe",
                                       "64:ff9a::127.0.0.1",
                                       "64:ff9b:2::1",
                                       "2001:1::7f00:1"};
    struct discovery_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (discovery_address_read(&address, "eth0", bad[i]))
            fail_msg("%s is taken", bad[i]);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!discovery_address_read(&address, "eth0", good[i]))
            fail_msg("%s is refused", good[i]);
}

static void
networks_have_what_begins_alike(void **state)
{
    static const struct {
        struct discovery_network network;
        const char *address;
        bool has;
    } cases[] = {
        {{AF_INET, {10, 1}, 16}, "10.1.255.1", true},
        {{AF_INET, {10, 1}, 16}, "10.2.0.1", false},
        {{AF_INET, {10, 1, 128}, 17}, "10.1.128.1", true},
        {{AF_INET, {10, 1, 128}, 17}, "10.1.127.1", false},
        {{AF_INET, {10, 0, 0, 1}, 32}, "10.0.0.1", true},
        {{AF_INET, {10, 0, 0, 1}, 32}, "10.0.0.2", false},
        {{AF_INET, {0}, 0}, "192.168.1.1", true},
        {{AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32}, "2001:db8::1", true},
        {{AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32}, "2001:db9::1", false},
    };
    struct discovery_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(discovery_address_read(&address, "eth0", cases[i].address));
        assert_int_equal(address.family, cases[i].network.family);
        if (discovery_network_has(&cases[i].network, address.bytes) != cases[i].has)
            fail_msg("%s", cases[i].address);
    }
}

/* Names and values are cut between two characters, and are the record's own. */
static void
records_are_copies(void **state)
{
    char long_value[DISCOVERY_LABEL_BYTES_MAX + 10], device[200];
    struct discovery_label label = {"os_id", long_value};
    struct discovery_address address;

    (void)state;
    memset(long_value, 'v', sizeof(long_value));
    memcpy(long_value + DISCOVERY_LABEL_BYTES_MAX - 1, "\xc3\xa4", 3);
    memset(device, 'd', sizeof(device));
    device[sizeof(device) - 1] = '\0';
    assert_true(discovery_address_read(&address, device, "10.0.0.1"));
    assert_int_equal(strlen(address.device), DISCOVERY_DEVICE_BYTES - 1);
    struct discovery_guest *guest = discovery_guest_new(&label, 1, &address, 1);

    memset(long_value, 'x', sizeof(long_value));
    address.bytes[0] = 99;
    assert_int_equal(strlen(guest->labels[0].value), DISCOVERY_LABEL_BYTES_MAX - 1);
    assert_int_equal(guest->labels[0].value[0], 'v');
    assert_int_equal(guest->addresses[0].bytes[0], 10);
    assert_ptr_equal(discovery_guest_ref(guest), guest);
    discovery_guest_unref(guest);
    assert_string_equal(guest->labels[0].name, "os_id"); /* one reference is left */
    discovery_guest_unref(guest);
    discovery_guest_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_that_nobody_could_reach),
        cmocka_unit_test(networks_have_what_begins_alike),
        cmocka_unit_test(records_are_copies),
    };

    return cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
}
