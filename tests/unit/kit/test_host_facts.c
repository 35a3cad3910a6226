/* Joins of what a guest says of its devices with what the host has for them. */
#include "collector.h"
#include "kit/host_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct host_nic nics[] = {
    {"52:54:00:00:00:01", "vnet3", "default", "virtio"},
    {"52:54:00:AB:CD:EF", "vnet4", "br0", "e1000e"},
    {"52:54:00:00:00:09", "vnet5", "", ""},
    {"52:54:00:00:00:09", "vnet6", "", ""},
};
#define PCI(address) address, DISK_PLACE_ANY, DISK_PLACE_ANY, DISK_PLACE_ANY
#define ANY DISK_PLACE_ANY
static const struct host_disk disks[] = {
    {"vda", "", "/images/a.raw", "lab-1", {PCI("0000:00:06.0")}, false},
    {"vdb", "", "pool/volume", "", {PCI("0000:00:07.0")}, false},
    {"sda", "", "rbd:vms/c", "a-serial-longer-than-20-bytes", {PCI("")}, false},
    {"sdb", "", "/dev/vg/d", "twice", {"0000:00:09.0", ANY, 0, 1}, false},
    {"sdc", "", "/dev/vg/e", "twice", {"0000:00:09.0", ANY, 0, 2}, false},
    {"vdc", "", "/dev/vg/f", "", {PCI("0000:00:08.0")}, false},
    {"vdd", "", "/dev/vg/g", "", {PCI("0000:00:08.0")}, false},
    {"sdd", "", "/dev/vg/h", "", {"0000:00:09.0", ANY, 0, 3}, false},
    {"sde", "", "/dev/vg/i", "", {"0000:00:1f.2", 3, ANY, ANY}, false},
    {"hda", "", "/dev/vg/j", "", {"0000:00:01.1", 0, ANY, 1}, false},
    {"sdf", "", "/dev/vg/k", "usb-1", {PCI("0000:00:0b.0")}, true},
    {"sdg", "", "/dev/vg/l", "", {PCI("0000:00:0b.0")}, true},
    {"vde", "", "/dev/vg/m", "", {PCI("0.0.0001")}, false},
};
static const struct host_facts host = {nics, COUNT(nics), disks, COUNT(disks)};

static void
test_nics_by_hardware_address(void **state)
{
    (void)state;
    assert_string_equal(host_facts_nic(&host, "52:54:00:00:00:01")->target, "vnet3");
    assert_string_equal(host_facts_nic(&host, "52:54:00:ab:cd:ef")->target, "vnet4");
    assert_null(host_facts_nic(&host, "52:54:00:00:00:02"));
    assert_null(host_facts_nic(&host, "")); /* the loopback's */
    assert_null(host_facts_nic(&host, "52:54:00:00:00:09"));
    assert_null(host_facts_nic(NULL, "52:54:00:00:00:01"));
}

static const char *
disk_at(const char *serial, const char *pci_address, int64_t bus, int64_t target,
        int64_t unit)
{
    const struct disk_place place = {pci_address, bus, target, unit};
    const struct host_disk *found = host_facts_disk(&host, serial, &place);

    return found ? found->target : "none";
}

static const char *
disk(const char *serial, const char *pci_address)
{
    return disk_at(serial, pci_address, 0, 0, 0);
}

static void
test_disks_by_serial(void **state)
{
    (void)state;
    assert_string_equal(disk("lab-1", ""), "vda");
    assert_string_equal(disk("lab-1", "0000:00:07.0"), "vda");
    assert_string_equal(disk("QEMU_HARDDISK_lab-1", ""), "vda");
    assert_string_equal(disk("QEMU_HARDDISK_xlab-1", ""), "none");
    assert_string_equal(disk("a-serial-longer-than", ""), "sda"); /* 20 bytes */
    assert_string_equal(disk("a-serial-longer", ""), "none");
    assert_string_equal(disk("twice", ""), "none");
    /* As udev has them. */
    assert_string_equal(disk("0QEMU_QEMU_HARDDISK_a-serial-longer-than", ""), "sda");
    assert_string_equal(disk("QEMU_NVMe_Ctrl_a-serial-longer-than_1", ""), "sda");
    assert_string_equal(disk("QEMU_QEMU_HARDDISK_lab-1-0:0", ""), "vda");
    assert_string_equal(disk("lab-1-0:0", ""), "vda");
    assert_string_equal(disk("lab-1_2345", ""), "none");
    assert_string_equal(disk("lab-1-:", ""), "none");
    assert_string_equal(disk("-0:0", ""), "none");
    assert_string_equal(disk("1", ""), "none");
}

static void
test_disks_by_place(void **state)
{
    (void)state;
    assert_string_equal(disk("", "0000:00:06.0"), "vda");
    assert_string_equal(disk("", "0000:00:07.0"), "vdb");
    assert_string_equal(disk("of-its-own", "0000:00:07.0"), "vdb");
    /* Nothing else can be there; but any disk may be on a bus. */
    assert_string_equal(disk("other", "0000:00:06.0"), "vda");
    assert_string_equal(disk("other", "0000:00:0b.0"), "sdg");
    assert_string_equal(disk("usb-1", "0000:00:0b.0"), "sdf");
    assert_string_equal(disk("", "0000:00:0b.0"), "none");
    assert_string_equal(disk("", "0000:00:08.0"), "none"); /* two */
    assert_string_equal(disk("", ""), "none");
    const struct disk_place place = {"0000:00:06.0", 0, 0, 0};
    assert_null(host_facts_disk(NULL, "lab-1", &place));
}

/* Several hang on one controller. */
static void
test_disks_behind_a_controller(void **state)
{
    (void)state;
    assert_string_equal(disk_at("", "0000:00:09.0", 0, 0, 3), "sdd");
    assert_string_equal(disk_at("QEMU_drive-scsi0-0-0-3", "0000:00:09.0", 0, 0, 3),
                        "sdd");
    assert_string_equal(disk_at("", "0000:00:09.0", 0, 1, 3), "none");
    assert_string_equal(disk_at("", "0000:00:0a.0", 0, 0, 3), "none");
    assert_string_equal(disk_at("", "0000:00:1f.2", 3, 0, 0), "sde");
    assert_string_equal(disk_at("", "0000:00:1f.2", 2, 0, 0), "none");
    assert_string_equal(disk_at("", "0000:00:01.1", 0, 0, 1), "hda");
    assert_string_equal(disk_at("", "0000:00:01.1", 1, 0, 1), "none");
    /* Copies of one disk have its serial; their places differ. */
    assert_string_equal(disk_at("twice", "0000:00:09.0", 0, 0, 2), "sdc");
    assert_string_equal(disk_at("twice", "0000:00:09.0", 0, 0, 4), "none");
}

/* What the collector says of this reply; released by the caller. */
static struct samples *
collected(const char *name, const char *reply)
{
    const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 99};
    const struct filter *filters[COLLECTOR_FILTERS_MAX] = {NULL};
    const struct exchange when = {.filters = filters, .host = &host};
    struct samples *samples = samples_new(&limits);
    struct failure why;
    json_t *value = json_loads(reply, 0, NULL);

    assert_non_null(value);
    assert_int_equal(
        collectors[collector_find(name)]->parse(value, &when, samples, &why), 0);
    json_decref(value);
    return samples;
}

static struct sample
find(const struct samples *samples, const char *metric)
{
    for (size_t i = 0; i < samples_count(samples); i++)
        if (strcmp(samples_at(samples, i).metric->name, metric) == 0)
            return samples_at(samples, i);
    fail_msg("no %s", metric);
    return (struct sample){0};
}

static void
test_interfaces_meet_their_other_end(void **state)
{
    (void)state;
    struct samples *samples =
        collected("network", "[{\"name\": \"eth0\", \"hardware-address\": "
                             "\"52:54:00:00:00:01\"}, {\"name\": \"other\", "
                             "\"hardware-address\": \"52:54:00:00:00:02\"}]");
    const char *const *labels = find(samples, "qga_domain_interface_info").label_values;
    assert_string_equal(labels[0], "eth0");
    assert_string_equal(labels[1], "52:54:00:00:00:01");
    assert_string_equal(labels[2], "vnet3");
    assert_string_equal(labels[3], "default");
    assert_string_equal(labels[4], "virtio");
    assert_int_equal(samples_count(samples), 3);
    samples_free(samples);
}

static void
test_filesystems_meet_their_disk(void **state)
{
    (void)state;
    struct samples *samples = collected(
        "filesystem",
        "[{\"name\": \"vda1\", \"type\": \"ext4\", \"mountpoint\": \"/\", \"disk\": "
        "[{\"bus-type\": \"virtio\", \"dev\": \"/dev/vda1\", \"pci-controller\": "
        "{\"domain\": 0, \"bus\": 0, \"slot\": 7, \"function\": 0}}]}]");
    const char *const *labels = find(samples, "qga_filesystem_disk_info").label_values;
    assert_string_equal(labels[4], "0000:00:07.0");
    assert_string_equal(labels[5], "vdb");
    assert_string_equal(labels[6], "pool/volume");
    samples_free(samples);

    samples =
        collected("filesystem",
                  "[{\"name\": \"vda1\", \"type\": \"ext4\", \"mountpoint\": \"/\", "
                  "\"disk\": [{\"bus-type\": \"virtio\", \"ccw-address\": "
                  "{\"cssid\": 0, \"ssid\": 0, \"subchno\": 3, \"devno\": 1}}]}]");
    assert_string_equal(find(samples, "qga_filesystem_disk_info").label_values[5],
                        "vde");
    samples_free(samples);
}

/* With several sources each series has it: it cannot be a collector's too. */
static void
test_no_family_has_the_labels_of_every_guest(void **state)
{
    (void)state;
    for (size_t i = 0; i < collectors_count; i++)
        for (const struct metric *const *metric = collectors[i]->metrics; *metric;
             metric++)
            for (const char *const *label = (*metric)->labels; *label; label++) {
                assert_string_not_equal(*label, "domain");
                assert_string_not_equal(*label, "source");
            }
}

static void
test_addresses_are_a_family_of_the_collector(void **state)
{
    (void)state;
    size_t found = 0;
    for (size_t i = 0; i < collectors_count; i++) {
        const struct metric *addresses = collectors[i]->addresses;

        if (!addresses)
            continue;
        assert_string_equal(addresses->labels[0], "device");
        assert_string_equal(addresses->labels[1], "family");
        assert_string_equal(addresses->labels[2], "address");
        for (size_t j = 0; collectors[i]->metrics[j]; j++)
            found += collectors[i]->metrics[j] == addresses;
    }
    assert_int_equal(found, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nics_by_hardware_address),
        cmocka_unit_test(test_disks_by_serial),
        cmocka_unit_test(test_disks_by_place),
        cmocka_unit_test(test_disks_behind_a_controller),
        cmocka_unit_test(test_interfaces_meet_their_other_end),
        cmocka_unit_test(test_filesystems_meet_their_disk),
        cmocka_unit_test(test_no_family_has_the_labels_of_every_guest),
        cmocka_unit_test(test_addresses_are_a_family_of_the_collector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
