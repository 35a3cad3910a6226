/* A domain's definition as plain values: what is kept of it, and what is cut. */
#include "source/domain_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_facts_end_with_their_last_reference(void **state)
{
    struct domain_facts *facts = domain_facts_new();

    (void)state;
    assert_ptr_equal(domain_facts_ref(facts), facts);
    assert_null(domain_facts_ref(NULL));
    domain_facts_add_metadata(facts, "n", "a", "1");
    domain_facts_unref(facts);
    assert_string_equal(domain_facts_metadata(facts, "n", "a"), "1");
    domain_facts_unref(facts);
    domain_facts_unref(NULL);
}

static void
test_text_is_copied_and_cut(void **state)
{
    char text[2 * DOMAIN_TEXT_BYTES_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + DOMAIN_TEXT_BYTES_MAX - 1, "\xc3\xa4", 3);
    char *cut = domain_facts_text(text), *short_one = domain_facts_text("vda");

    assert_int_equal(strlen(cut), DOMAIN_TEXT_BYTES_MAX - 1);
    assert_string_equal(short_one, "vda");
    free(cut);
    free(short_one);
}

static void
test_devices_are_limited(void **state)
{
    struct domain_facts *facts = domain_facts_new();
    char name[32];

    (void)state;
    for (unsigned int i = 0; i < DOMAIN_DEVICES_MAX + 2; i++) {
        snprintf(name, sizeof(name), "dev%u", i);
        domain_facts_add_nic(facts, &(struct host_nic){.mac = "52:54:00:00:00:01",
                                                       .target = name,
                                                       .network = "default",
                                                       .model = "virtio"});
        domain_facts_add_disk(facts,
                              &(struct host_disk){.target = name,
                                                  .source = "/disk",
                                                  .serial = "s-1",
                                                  .place = {"0000:00:05.0", 1, 2, 3}});
    }
    assert_int_equal(facts->host.nics_count, DOMAIN_DEVICES_MAX);
    assert_int_equal(facts->host.disks_count, DOMAIN_DEVICES_MAX);
    assert_string_equal(facts->host.nics[1].target, "dev1"); /* not `name` itself */
    assert_string_equal(facts->host.nics[1].mac, "52:54:00:00:00:01");
    assert_string_equal(facts->host.nics[1].network, "default");
    assert_string_equal(facts->host.nics[1].model, "virtio");
    assert_string_equal(facts->host.disks[2].target, "dev2");
    assert_string_equal(facts->host.disks[2].source, "/disk");
    assert_string_equal(facts->host.disks[2].serial, "s-1");
    assert_string_equal(facts->host.disks[2].place.pci_address, "0000:00:05.0");
    assert_int_equal(facts->host.disks[2].place.bus, 1);
    assert_int_equal(facts->host.disks[2].place.target, 2);
    assert_int_equal(facts->host.disks[2].place.unit, 3);
    domain_facts_unref(facts);
}

static void
test_metadata_are_found_by_namespace_and_path(void **state)
{
    struct domain_facts *facts = domain_facts_new();
    char long_one[DOMAIN_TEXT_BYTES_MAX + 2], path[32];

    (void)state;
    memset(long_one, 'n', sizeof(long_one) - 1);
    long_one[sizeof(long_one) - 1] = '\0';
    domain_facts_add_metadata(facts, "n", "a", "first");
    domain_facts_add_metadata(facts, "n", "a", "second");
    domain_facts_add_metadata(facts, "other", "a", "another");
    domain_facts_add_metadata(facts, "n", "empty", "");
    domain_facts_add_metadata(facts, long_one, "a", "nowhere");
    assert_int_equal(facts->metadata_count, 2);
    assert_string_equal(domain_facts_metadata(facts, "n", "a"), "first");
    assert_string_equal(domain_facts_metadata(facts, "other", "a"), "another");
    assert_string_equal(domain_facts_metadata(facts, "n", "b"), "");
    assert_string_equal(domain_facts_metadata(NULL, "n", "a"), "");
    for (unsigned int i = 0; i < 2 * DOMAIN_METADATA_MAX; i++) {
        snprintf(path, sizeof(path), "p%u", i);
        domain_facts_add_metadata(facts, "n", path, "x");
    }
    assert_int_equal(facts->metadata_count, DOMAIN_METADATA_MAX);
    domain_facts_unref(facts);
}

/* The newer namespace wins, and what it does not say the older one may. */
static void
test_nova_by_whatever_version(void **state)
{
    static const char newer[] = "http://openstack.org/xmlns/libvirt/nova/1.1",
                      older[] = "http://openstack.org/xmlns/libvirt/nova/1.0";
    struct domain_facts *facts = domain_facts_new();

    (void)state;
    domain_facts_add_metadata(facts, older, "instance/name", "old");
    domain_facts_add_metadata(facts, older, "instance/flavor@name", "m1");
    domain_facts_add_metadata(facts, newer, "instance/name", "new");
    assert_string_equal(domain_facts_nova(facts, "instance/name"), "new");
    assert_string_equal(domain_facts_nova(facts, "instance/flavor@name"), "m1");
    assert_string_equal(domain_facts_nova(facts, "instance/owner"), "");
    domain_facts_unref(facts);
}

static void
test_facts_are_the_same_by_their_digest(void **state)
{
    struct domain_facts *one = domain_facts_new(), *other = domain_facts_new();

    (void)state;
    one->digest = 1;
    other->digest = 2;
    assert_false(domain_facts_are_same(one, other));
    assert_false(domain_facts_are_same(other, one));
    assert_false(domain_facts_are_same(NULL, one));
    assert_false(domain_facts_are_same(one, NULL));
    assert_true(domain_facts_are_same(NULL, NULL));
    other->digest = 1;
    assert_true(domain_facts_are_same(one, other));
    domain_facts_unref(one);
    domain_facts_unref(other);
}

static void
test_a_title(void **state)
{
    struct domain_facts *facts = domain_facts_new();

    (void)state;
    assert_string_equal(domain_facts_title(facts), "");
    assert_string_equal(domain_facts_title(NULL), "");
    free(facts->title);
    facts->title = domain_facts_text("Web");
    assert_string_equal(domain_facts_title(facts), "Web");
    domain_facts_unref(facts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_end_with_their_last_reference),
        cmocka_unit_test(test_text_is_copied_and_cut),
        cmocka_unit_test(test_devices_are_limited),
        cmocka_unit_test(test_metadata_are_found_by_namespace_and_path),
        cmocka_unit_test(test_nova_by_whatever_version),
        cmocka_unit_test(test_facts_are_the_same_by_their_digest),
        cmocka_unit_test(test_a_title),
    };

    return cmocka_run_group_tests_name("domain facts", tests, NULL, NULL);
}
