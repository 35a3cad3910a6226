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
    "<target dev='vda' bus='virtio'/><serial>lab-1</serial>"
    "<alias name='virtio-disk0'/><address type='pci' "
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
expect_disks(const struct domain_facts *facts, const struct host_disk *disks,
             size_t count)
{
    assert_int_equal(facts->host.disks_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct host_disk *disk = &facts->host.disks[i];

        assert_string_equal(disk->target, disks[i].target);
        assert_string_equal(disk->alias, disks[i].alias);
        assert_string_equal(disk->source, disks[i].source);
        assert_string_equal(disk->serial, disks[i].serial);
        assert_string_equal(disk->place.pci_address, disks[i].place.pci_address);
        assert_int_equal(disk->place.bus, disks[i].place.bus);
        assert_int_equal(disk->place.target, disks[i].place.target);
        assert_int_equal(disk->place.unit, disks[i].place.unit);
        assert_int_equal(disk->shares_place, disks[i].shares_place);
    }
}

/* Sources and places that are neither files nor on PCI. */
static void
test_other_ends(void **state)
{
    static const char xml[] =
        "<domain><devices>"
        "<controller type='usb' index='1'><address type='pci' domain='0x0000' "
        "bus='0x02' slot='0x00' function='0x0'/></controller>"
        "<disk type='nvme'><source type='pci' managed='yes' namespace='1'><address "
        "type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>"
        "<target dev='vda'/></disk>"
        "<disk type='vhostuser'><source type='unix' path='/run/blk.sock'/>"
        "<target dev='vdb'/></disk>"
        "<disk type='network'><source protocol='nbd'><host name='store' "
        "port='10809'/></source><target dev='vdc'/></disk>"
        "<disk type='network'><source protocol='nbd'><host transport='unix' "
        "socket='/run/nbd.sock'/></source><target dev='vdd'/></disk>"
        "<disk type='network'><source protocol='nbd' name='export'><host name='store'/>"
        "</source><target dev='vde'/></disk>"
        "<disk type='file'><source file='/images/z.qcow2'/><target dev='vdf'/>"
        "<address type='ccw' cssid='0xfe' ssid='0x0' devno='0x001a'/></disk>"
        "<disk type='file'><source file='/images/usb.qcow2'/><target dev='sda' "
        "bus='usb'/><address type='usb' bus='1' port='4'/></disk>"
        "<disk type='file'><target dev='sdb' bus='usb'/><address type='usb' bus='7' "
        "port='4'/></disk>"
        "<interface type='hostdev'><mac address='52:54:00:00:00:01'/><source><address "
        "type='pci' domain='0x0000' bus='0x3b' slot='0x10' function='0x1'/></source>"
        "<address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>"
        "</interface>"
        "<interface type='vhostuser'><mac address='52:54:00:00:00:02'/><source "
        "type='unix' path='/run/net.sock' mode='client'/><target dev='vhu0'/>"
        "</interface></devices></domain>";
    static const struct host_disk disks[] = {
        {"vda", "", "nvme:0000:01:00.0/1", "", {"", -1, -1, -1}, false},
        {"vdb", "", "/run/blk.sock", "", {"", -1, -1, -1}, false},
        {"vdc", "", "nbd:store", "", {"", -1, -1, -1}, false},
        {"vdd", "", "nbd:/run/nbd.sock", "", {"", -1, -1, -1}, false},
        {"vde", "", "nbd:export", "", {"", -1, -1, -1}, false},
        {"vdf", "", "/images/z.qcow2", "", {"0.0.001a", -1, -1, -1}, false},
        {"sda", "", "/images/usb.qcow2", "", {"0000:02:00.0", -1, -1, -1}, true},
        {"sdb", "", "", "", {"", -1, -1, -1}, true},
    };
    struct domain_facts *facts = read_devices(xml);

    (void)state;
    expect_disks(facts, disks, sizeof(disks) / sizeof(disks[0]));
    assert_int_equal(facts->host.nics_count, 2);
    assert_string_equal(facts->host.nics[0].target, "0000:3b:10.1");
    assert_string_equal(facts->host.nics[0].network, "");
    assert_string_equal(facts->host.nics[1].target, "vhu0");
    assert_string_equal(facts->host.nics[1].network, "/run/net.sock");
    domain_facts_unref(facts);
}

static void
test_disks_and_interfaces(void **state)
{
    static const struct host_disk disks[] = {
        {"vda",
         "virtio-disk0",
         "/images/a.raw",
         "lab-1",
         {"0000:00:06.1", -1, -1, -1},
         false},
        {"vdb", "", "images/b", "", {"", -1, -1, -1}, false},
        {"sda", "", "rbd:vms/c", "", {"0000:00:08.0", -1, 2, 7}, false},
        {"sdc", "", "", "", {"0000:00:1f.2", 3, -1, -1}, false},
        {"hda", "", "", "", {"", 1, -1, 1}, false}, /* its controller is not there */
        {"sdb", "", "/dev/vg/d", "", {"", -1, -1, -1}, false},
        {"hdc", "", "", "", {"", -1, -1, -1}, false},
    };
    struct domain_facts *facts = read_devices(whole);

    (void)state;
    expect_disks(facts, disks, 7);
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
        "<address type='ccw' cssid='0xfe' ssid='0'/>",
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

/* Of a domain of oVirt's with a disk on each bus: the first 20 bytes of a serial, with
 * what udev puts before and behind. */
static const char buses[] =
    "<domain><devices>"
    "<controller type='scsi' index='0'><address type='pci' domain='0x0000' bus='0x00' "
    "slot='0x06' function='0x0'/></controller>"
    "<controller type='sata' index='0'><address type='pci' domain='0x0000' bus='0x00' "
    "slot='0x1f' function='0x2'/></controller>"
    "<controller type='usb' index='0'><address type='pci' domain='0x0000' bus='0x02' "
    "slot='0x00' function='0x0'/></controller>"
    "<controller type='nvme' index='0'><address type='pci' domain='0x0000' bus='0x03' "
    "slot='0x00' function='0x0'/></controller>"
    "<disk type='block'><source dev='/dev/vg/a'/><target dev='sda' bus='scsi'/>"
    "<serial>40cb8c01-52d9-458e-945b-140d392f6b8e</serial>"
    "<address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"
    "<disk type='block'><source dev='/dev/vg/b'/><target dev='sdb' bus='scsi'/>"
    "<serial>177a53cb-8350-47d0-a3aa-000000000001</serial>"
    "<address type='drive' controller='0' bus='0' target='0' unit='1'/></disk>"
    "<disk type='file'><source file='/images/sata'/><target dev='sdc' bus='sata'/>"
    "<serial>aefb7ca6-ee05-485e-b186-9d93dd22f33a</serial>"
    "<address type='drive' controller='0' bus='0' target='0' unit='2'/></disk>"
    "<disk type='file'><source file='/images/usb'/><target dev='sdd' bus='usb'/>"
    "<serial>awawawawawa</serial><address type='usb' bus='0' port='1'/></disk>"
    "<disk type='file'><source file='/images/usb2'/><target dev='sde' bus='usb'/>"
    "<address type='usb' bus='0' port='4'/></disk>"
    "<disk type='file'><source file='/images/nvme'/><target dev='nvme0n1' bus='nvme'/>"
    "<serial>n1</serial>"
    "<address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"
    "<disk type='file'><source file='/images/v'/><target dev='vda' bus='virtio'/>"
    "<serial>of my own</serial><address type='pci' domain='0x0000' bus='0x04' "
    "slot='0x00' function='0x0'/></disk>"
    "</devices></domain>";

static const char *
disk_behind(const struct domain_facts *facts, const char *serial,
            const char *pci_address, int64_t bus, int64_t unit)
{
    const struct disk_place place = {pci_address, bus, 0, unit};
    const struct host_disk *disk = host_facts_disk(&facts->host, serial, &place);

    return disk ? disk->target : "none";
}

static void
test_serials_as_a_guest_says_them(void **state)
{
    static const struct {
        const char *serial, *pci_address;
        int64_t bus, unit;
        const char *target;
    } cases[] = {
        {"0QEMU_QEMU_HARDDISK_40cb8c01-52d9-458e-9", "0000:00:06.0", 0, 0, "sda"},
        {"0QEMU_QEMU_HARDDISK_177a53cb-8350-47d0-a", "0000:00:06.0", 0, 1, "sdb"},
        {"0QEMU_QEMU_HARDDISK_177a53cb-8350-47d0-a", "", 0, 0, "sdb"},
        {"QEMU_HARDDISK_aefb7ca6-ee05-485e-b", "0000:00:1f.2", 2, 0, "sdc"},
        {"QEMU_QEMU_HARDDISK_awawawawawa-0:0", "0000:02:00.0", 0, 0, "sdd"},
        {"QEMU_QEMU_HARDDISK_1-0000:00:01.0:00.6-4-0:0", "0000:02:00.0", 0, 0, "sde"},
        {"QEMU_NVMe_Ctrl_n1_1", "0000:03:00.0", 0, 0, "nvme0n1"},
        /* Its place alone. */
        {"of_my_own", "0000:04:00.0", 0, 0, "vda"},
        {"", "0000:02:00.0", 0, 0, "none"}, /* one of two */
        {"QEMU_NVMe_Ctrl_n2_1", "0000:05:00.0", 0, 0, "none"},
    };
    struct domain_facts *facts = read_devices(buses);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(disk_behind(facts, cases[i].serial, cases[i].pci_address,
                                        cases[i].bus, cases[i].unit),
                            cases[i].target);
    domain_facts_unref(facts);
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
        cmocka_unit_test(test_other_ends),
        cmocka_unit_test(test_addresses_that_are_none),
        cmocka_unit_test(test_serials_as_a_guest_says_them),
        cmocka_unit_test(test_no_devices),
    };

    return cmocka_run_group_tests_name("domain devices", tests, NULL, NULL);
}
