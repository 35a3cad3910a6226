/* Configurations of guests, as Proxmox VE writes them, and as nobody should. */
#include "source/proxmox/configuration.h"

#include "kit/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define UUID "5b3c2f3c-9b0a-4f43-9d3f-6a1f3d1e8a10"

static const char whole[] =
    "# the web server%3A do not touch\n"
    "#agent%3A 0\n"
    "agent: 1,fstrim_cloned_disks=1\n"
    "boot: order=scsi0;ide2;net0\n"
    "cores: 4\n"
    "ide2: none,media=cdrom\n"
    "memory: 4096\n"
    "meta: creation-qemu=9.0.2,ctime=1730000000\n"
    "name: web.example.com\n"
    "net0: virtio=BC:24:11:89:6A:E6,bridge=vmbr0,firewall=1,tag=5\n"
    "net1: model=e1000,macaddr=bc:24:11:00:00:02,bridge=vmbr1\n"
    "ostype: l26\n"
    "scsi0: local-lvm:vm-104-disk-0,iothread=1,size=32G\n"
    "scsi1: nfs:104/vm-104-disk-1.qcow2,serial=abc,size=8G\n"
    "scsihw: virtio-scsi-single\n"
    "smbios1: uuid=5B3C2F3C-9b0a-4f43-9d3f-6a1f3d1e8a10,manufacturer=QQ==,base64=1\n"
    "sockets: 1\n"
    "tags: prod;web\n"
    "unused0: local-lvm:vm-104-disk-9\n"
    "efidisk0: local-lvm:vm-104-disk-8,size=4M\n"
    "virtio3: /dev/disk/by-id/x,size=1G\n"
    "vmgenid: 0e6c\n"
    "\n"
    "[PENDING]\n"
    "name: other\n"
    "agent: 0\n"
    "\n"
    "[before-update]\n"
    "tags: qga-exporter-off\n"
    "template: 1\n"
    "lock: migrate\n"
    "net2: virtio=BC:24:11:89:6A:E7,bridge=vmbr0\n";

static void
parse(const char *text, struct proxmox_configuration *configuration)
{
    struct failure why;

    assert_int_equal(proxmox_configuration_parse("104", text, strlen(text), NULL,
                                                 configuration, &why),
                     0);
}

static void
expect_nic(const struct host_nic *nic, const char *mac, const char *target,
           const char *network, const char *model)
{
    assert_string_equal(nic->mac, mac);
    assert_string_equal(nic->target, target);
    assert_string_equal(nic->network, network);
    assert_string_equal(nic->model, model);
}

static void
expect_disk(const struct host_disk *disk, const char *target, const char *source,
            const char *serial, const char *address)
{
    assert_string_equal(disk->target, target);
    assert_string_equal(disk->source, source);
    assert_string_equal(disk->serial, serial);
    assert_string_equal(disk->place.pci_address, address);
}

static void
test_a_whole_one(void **state)
{
    struct proxmox_configuration found;

    (void)state;
    parse(whole, &found);
    assert_string_equal(found.name, "web.example.com");
    assert_string_equal(found.uuid, UUID);
    assert_string_equal(found.os, "");
    assert_string_equal(found.lock, "");
    assert_false(found.opted_out);
    assert_false(found.is_template);
    assert_int_equal(found.strange, 0);
    assert_string_equal(domain_facts_title(found.facts), "web.example.com");
    assert_string_equal(domain_facts_tags(found.facts), "prod;web");
    assert_string_equal(domain_facts_ostype(found.facts), "l26");
    const struct host_facts *host = &found.facts->host;

    assert_int_equal(host->nics_count, 2);
    expect_nic(&host->nics[0], "BC:24:11:89:6A:E6", "tap104i0", "vmbr0", "virtio");
    expect_nic(&host->nics[1], "bc:24:11:00:00:02", "tap104i1", "vmbr1", "e1000");
    assert_int_equal(host->disks_count, 3);
    expect_disk(&host->disks[0], "scsi0", "local-lvm:vm-104-disk-0", "drive-scsi0", "");
    expect_disk(&host->disks[1], "scsi1", "nfs:104/vm-104-disk-1.qcow2", "abc", "");
    expect_disk(&host->disks[2], "virtio3", "/dev/disk/by-id/x", "", "");
    domain_facts_unref(found.facts);
}

/* Where disks are, its QEMU knows. */
static void
test_with_its_process(void **state)
{
    struct domain_facts *process = domain_facts_new();
    struct proxmox_configuration found, other;
    struct failure why;

    (void)state;
    process->digest = 7;
    process->vcpus = (struct domain_range){4, 4};
    process->memory_bytes.maximum = 42;
    domain_facts_add_disk(
        process, &(struct host_disk){.target = "scsi0",
                                     .source = "/dev/pve/vm-104-disk-0",
                                     .serial = "drive-scsi0",
                                     .place = {"0000:01:01.0", DISK_PLACE_ANY, 0, 0}});
    assert_int_equal(
        proxmox_configuration_parse("104", whole, strlen(whole), process, &found, &why),
        0);
    parse(whole, &other);
    assert_int_equal(found.facts->vcpus.maximum, 4);
    assert_int_equal(found.facts->memory_bytes.maximum, 42);
    expect_disk(&found.facts->host.disks[0], "scsi0", "local-lvm:vm-104-disk-0",
                "drive-scsi0", "0000:01:01.0");
    assert_int_equal(found.facts->host.disks[0].place.target, 0);
    assert_false(domain_facts_are_same(found.facts, other.facts));
    domain_facts_unref(found.facts);
    domain_facts_unref(other.facts);
    domain_facts_unref(process);
}

/* What stands in sections changes nothing. */
static void
test_snapshots_are_no_settings(void **state)
{
    struct proxmox_configuration found, other;
    char text[sizeof(whole)];

    (void)state;
    memcpy(text, whole, sizeof(whole));
    *strstr(text, "\n[PENDING]") = '\0';
    strcat(text, "\n");
    parse(whole, &found);
    parse(text, &other);
    assert_true(domain_facts_are_same(found.facts, other.facts));
    domain_facts_unref(found.facts);
    domain_facts_unref(other.facts);
    parse("[snapshot]\nname: x\n", &found);
    assert_string_equal(found.name, "");
    domain_facts_unref(found.facts);
    assert_true(proxmox_configuration_is_enough(whole, strlen(whole)));
    assert_true(proxmox_configuration_is_enough("[x]", 3));
    assert_false(proxmox_configuration_is_enough("name: [x]\n", 10));
    assert_false(proxmox_configuration_is_enough("", 0));
}

static void
test_the_opt_out(void **state)
{
    static const struct {
        const char *tags;
        bool opted_out;
    } cases[] = {
        {"qga-exporter-off", true},
        {"a;qga-exporter-off;b", true},
        {"a, QGA-Exporter-Off", true},
        {"a qga-exporter-off", true},
        {"qga-exporter-offline", false},
        {"no-qga-exporter-off", false},
        {"", false},
        {";;,", false},
        {"\xff;qga-exporter-off", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proxmox_configuration found;
        char text[64];

        snprintf(text, sizeof(text), "tags: %s\n", cases[i].tags);
        parse(text, &found);
        assert_int_equal(found.opted_out, cases[i].opted_out);
        domain_facts_unref(found.facts);
    }
    /* Neither a description nor a comment is a tag. */
    struct proxmox_configuration found;

    parse("#tags%3A qga-exporter-off\n#tags: qga-exporter-off\n", &found);
    assert_false(found.opted_out);
    domain_facts_unref(found.facts);
}

static void
test_systems(void **state)
{
    static const char *const windows[] = {"win11", "win7", "w2k8", "wxp", "wvista"};
    struct proxmox_configuration found;
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        snprintf(text, sizeof(text), "ostype: %s\n", windows[i]);
        parse(text, &found);
        assert_string_equal(found.os, "mswindows");
        domain_facts_unref(found.facts);
    }
    parse("ostype: other\nlock: backup\ntemplate: 1\r\n", &found);
    assert_string_equal(found.os, "");
    assert_string_equal(found.lock, "backup");
    assert_true(found.is_template);
    domain_facts_unref(found.facts);
}

/* Each costs itself. */
static void
test_settings_that_are_not_to_be_understood(void **state)
{
    struct proxmox_configuration found;
    char text[1024] = "name: ";

    (void)state;
    parse("what is this\nnet0: virtio=no,bridge=vmbr0\nnet1: "
          "virtio=BC:24:11:89:6A:E6:00\nsmbios1: uuid=short\nscsi0: size=1G\n"
          "lock: a-lock-that-nobody-knows\nname: w\xff\nostype: l26\nnet: x\n"
          "net1234: x\nscsi0x: y\n",
          &found);
    assert_int_equal(found.strange, 7);
    assert_string_equal(found.name, "");
    assert_string_equal(found.uuid, "");
    assert_string_equal(domain_facts_ostype(found.facts), "l26");
    assert_int_equal(found.facts->host.nics_count, 0);
    assert_int_equal(found.facts->host.disks_count, 0);
    domain_facts_unref(found.facts);

    memset(text + 6, 'x', 500);
    strcat(text, "\n");
    parse(text, &found);
    assert_int_equal(found.strange, 1);
    domain_facts_unref(found.facts);
}

static void
expect_refused(const char *bytes, size_t length, const char *words)
{
    struct proxmox_configuration found;
    struct failure why;

    assert_int_equal(
        proxmox_configuration_parse("1", bytes, length, NULL, &found, &why), -1);
    assert_int_equal(why.kind, FAILURE_MALFORMED);
    assert_non_null(strstr(why.text, words));
    assert_null(found.facts);
}

/* Wherever it is cut within its settings, nothing is taken from it that may be wrong:
 * it is refused, or the cut is between two lines. */
static void
test_one_that_is_cut(void **state)
{
    size_t settings = (size_t)(strstr(whole, "\n[PENDING]") - whole);

    (void)state;
    expect_refused("", 0, "empty");
    expect_refused("name: a\0b\n", 10, "NUL");
    for (size_t length = 1; length < settings; length++) {
        struct proxmox_configuration found;
        struct failure why;

        if (whole[length - 1] != '\n') {
            expect_refused(whole, length, "cut");
            continue;
        }
        assert_int_equal(
            proxmox_configuration_parse("1", whole, length, NULL, &found, &why), 0);
        domain_facts_unref(found.facts);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_one),
        cmocka_unit_test(test_with_its_process),
        cmocka_unit_test(test_snapshots_are_no_settings),
        cmocka_unit_test(test_the_opt_out),
        cmocka_unit_test(test_systems),
        cmocka_unit_test(test_settings_that_are_not_to_be_understood),
        cmocka_unit_test(test_one_that_is_cut),
    };

    return cmocka_run_group_tests_name("proxmox configuration", tests, NULL, NULL);
}
