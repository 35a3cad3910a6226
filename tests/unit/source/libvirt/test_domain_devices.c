/* Disks and interfaces of a domain's definition. */
#include "source/libvirt/domain_devices.h"

#include <libxml/parser.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char whole[] =
    "<domain><devices>"
    "<disk type='file' device='disk'><source file='/images/a.raw' index='1'/>"
    "<target dev='vda' bus='virtio'/><serial>lab-1</serial><address type='pci' "
    "domain='0x0000' bus='0x00' slot='0x06' function='0x1'/></disk>"
    "<disk type='volume'><source pool='images' volume='b'/><target dev='vdb'/></disk>"
    "<controller type='scsi' index='0'><address type='pci' bus='0x00' slot='0x05' "
    "function='0x0' domain='0x0000'/></controller>"
    "<controller type='scsi' index='1'><address type='pci' domain='0x0000' "
    "bus='0x00' slot='0x08' function='0x0'/></controller>"
    "<controller type='sata' index='0'><address type='pci' domain='0x0000' "
    "bus='0x00' slot='0x1f' function='0x2'/></controller>"
    "<disk type='network'><source protocol='rbd' name='vms/c'/>"
    "<target dev='sda' bus='scsi'/>"
    "<address type='drive' controller='1' bus='0' target='2' unit='7'/></disk>"
    "<disk type='file'><target dev='sdc' bus='sata'/>"
    "<address type='drive' controller='0' bus='0' target='0' unit='3'/></disk>"
    "<disk type='file'><target dev='hda' bus='ide'/>"
    "<address type='drive' controller='0' bus='1' target='0' unit='1'/></disk>"
    "<disk type='block'><source dev='/dev/vg/d'/><target dev='sdb'/></disk>"
    "<disk type='file' device='cdrom'><target dev='hdc'/></disk>"
    "<interface type='network'><mac address='52:54:00:00:00:01'/>"
    "<source network='default' bridge='virbr0'/><target dev='vnet3'/>"
    "<model type='virtio'/></interface>"
    "<interface type='bridge'><mac address='52:54:00:00:00:02'/>"
    "<source bridge='br0'/></interface></devices></domain>";

static struct domain_facts *
read_devices(const char *xml)
{
    struct domain_facts *facts = domain_facts_new();
    xmlDoc *document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, 0);

    assert_non_null(document);
    domain_devices_read(xmlDocGetRootElement(document), facts);
    xmlFreeDoc(document);
    return facts;
}

static void
test_disks_and_interfaces(void **state)
{
    static const struct host_disk disks[] = {
        {"vda", "/images/a.raw", "lab-1", {"0000:00:06.1", -1, -1, -1}},
        {"vdb", "images/b", "", {"", -1, -1, -1}},
        {"sda", "rbd:vms/c", "", {"0000:00:08.0", -1, 2, 7}},
        {"sdc", "", "", {"0000:00:1f.2", 3, -1, -1}},
        {"hda", "", "", {"", 1, -1, 1}}, /* its controller is not there */
        {"sdb", "/dev/vg/d", "", {"", -1, -1, -1}},
        {"hdc", "", "", {"", -1, -1, -1}},
    };
    struct domain_facts *facts = read_devices(whole);

    (void)state;
    assert_int_equal(facts->host.disks_count, 7);
    for (size_t i = 0; i < 7; i++) {
        const struct disk_place *place = &facts->host.disks[i].place;

        assert_string_equal(facts->host.disks[i].target, disks[i].target);
        assert_string_equal(facts->host.disks[i].source, disks[i].source);
        assert_string_equal(facts->host.disks[i].serial, disks[i].serial);
        assert_string_equal(place->pci_address, disks[i].place.pci_address);
        assert_int_equal(place->bus, disks[i].place.bus);
        assert_int_equal(place->target, disks[i].place.target);
        assert_int_equal(place->unit, disks[i].place.unit);
    }
    assert_int_equal(facts->host.nics_count, 2);
    assert_string_equal(facts->host.nics[0].mac, "52:54:00:00:00:01");
    assert_string_equal(facts->host.nics[0].target, "vnet3");
    assert_string_equal(facts->host.nics[0].network, "default");
    assert_string_equal(facts->host.nics[0].model, "virtio");
    assert_string_equal(facts->host.nics[1].network, "br0");
    assert_string_equal(facts->host.nics[1].target, "");
    domain_facts_unref(facts);
}

static void
test_addresses_that_are_none(void **state)
{
    static const char *const addresses[] = {
        "<address type='pci' domain='0' bus='0' slot='5'/>",
        "<address type='pci' domain='0' bus='0' slot='x' function='0'/>",
        "<address type='pci' domain='0' bus='0x10000' slot='5' function='0'/>",
        "<address type='pci' domain='' bus='0' slot='5' function='0'/>",
        "<address type='ccw' domain='0' bus='0' slot='5' function='0'/>",
        "<address/>",
        "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        char xml[256];

        snprintf(xml, sizeof(xml),
                 "<domain><devices><disk>%s</disk></devices></domain>", addresses[i]);
        struct domain_facts *facts = read_devices(xml);

        assert_int_equal(facts->host.disks_count, 1);
        assert_string_equal(facts->host.disks[0].place.pci_address, "");
        domain_facts_unref(facts);
    }
}

static void
test_no_devices(void **state)
{
    struct domain_facts *facts = read_devices("<domain/>");

    (void)state;
    assert_int_equal(facts->host.disks_count + facts->host.nics_count, 0);
    domain_facts_unref(facts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks_and_interfaces),
        cmocka_unit_test(test_addresses_that_are_none),
        cmocka_unit_test(test_no_devices),
    };

    return cmocka_run_group_tests_name("domain devices", tests, NULL, NULL);
}
