/* NICs and disks of command lines. */
#include "source/qemu/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "unit/cmocka_any.h"

#include "unit/source/qemu/arguments.h"

static void
expect_nic(const struct domain_facts *facts, size_t number, const char *mac,
           const char *target, const char *network, const char *model)
{
    const struct host_nic *nic = &facts->host.nics[number];

    assert_true(number < facts->host.nics_count);
    assert_string_equal(nic->mac, mac);
    assert_string_equal(nic->target, target);
    assert_string_equal(nic->network, network);
    assert_string_equal(nic->model, model);
}

static void
test_nics(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(&command, "kvm", "-netdev", "tap,id=n0,ifname=tap3", "-device",
                      "e1000,netdev=n0,mac=52:54:00:00:00:01", "-nic",
                      "bridge,br=br0,mac=52:54:00:00:00:02,model=virtio-net-pci",
                      "-device", "virtio-net-pci,netdev=none,mac=52:54:00:00:00:03",
                      "-device", "e1000,netdev=n0", "-nic", "user"));
    assert_int_equal(command.facts->host.nics_count, 3);
    expect_nic(command.facts, 0, "52:54:00:00:00:01", "tap3", "", "e1000");
    expect_nic(command.facts, 1, "52:54:00:00:00:03", "", "", "virtio-net-pci");
    expect_nic(command.facts, 2, "52:54:00:00:00:02", "", "br0", "virtio-net-pci");
    domain_facts_unref(command.facts);
}

static void
expect_disk(const struct domain_facts *facts, const char *target, const char *source,
            const char *serial, struct disk_place place)
{
    for (size_t i = 0; i < facts->host.disks_count; i++) {
        const struct host_disk *disk = &facts->host.disks[i];

        if (strcmp(disk->target, target) != 0)
            continue;
        assert_string_equal(disk->source, source);
        assert_string_equal(disk->serial, serial);
        assert_string_equal(disk->place.pci_address, place.pci_address);
        assert_int_equal(disk->place.bus, place.bus);
        assert_int_equal(disk->place.target, place.target);
        assert_int_equal(disk->place.unit, place.unit);
        return;
    }
    fail_msg("no disk %s", target);
}

static void
test_disks_of_proxmox_8(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(
        &command, "/usr/bin/kvm", "-device",
        "pci-bridge,id=pci.1,chassis_nr=1,bus=pci.0,addr=0x1e", "-device",
        "pci-bridge,id=pci.3,chassis_nr=3,bus=pci.0,addr=0x5", "-device",
        "virtio-scsi-pci,id=virtioscsi0,bus=pci.3,addr=0x1,iothread=io0", "-drive",
        "file=/dev/pve/vm-104-disk-0,if=none,id=drive-scsi0,format=raw", "-device",
        "scsi-hd,bus=virtioscsi0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id="
        "scsi0",
        "-device", "virtio-scsi-pci,id=virtioscsi1,bus=pci.3,addr=0x2", "-drive",
        "file=/a,,b.raw,if=none,id=drive-scsi1", "-device",
        "scsi-hd,bus=virtioscsi1.0,channel=0,scsi-id=0,lun=1,drive=drive-scsi1,id="
        "scsi1,serial=abc",
        "-drive", "file=/v.raw,if=none,id=drive-virtio0", "-device",
        "virtio-blk-pci,drive=drive-virtio0,id=virtio0,bus=pci.0,addr=0xa", "-device",
        "ahci,id=ahci0,multifunction=on,bus=pci.0,addr=0x7", "-drive",
        "file=/s.raw,if=none,id=drive-sata2", "-device",
        "ide-hd,bus=ahci0.2,drive=drive-sata2,id=sata2", "-drive",
        "file=/i.raw,if=none,id=drive-ide1", "-device",
        "ide-hd,bus=ide.0,unit=1,drive=drive-ide1,id=ide1", "-device",
        "ide-cd,bus=ide.1,unit=0,drive=drive-ide2,id=ide2", "-machine",
        "type=pc+pve0"));
    assert_int_equal(command.facts->host.disks_count, 5);
    expect_disk(command.facts, "scsi0", "/dev/pve/vm-104-disk-0", "drive-scsi0",
                (struct disk_place){"0000:01:01.0", -1, 0, 0});
    expect_disk(command.facts, "scsi1", "/a,b.raw", "abc",
                (struct disk_place){"0000:01:02.0", -1, 0, 1});
    expect_disk(command.facts, "virtio0", "/v.raw", "",
                (struct disk_place){"0000:00:0a.0", -1, -1, -1});
    expect_disk(command.facts, "sata2", "/s.raw", "",
                (struct disk_place){"0000:00:07.0", 2, -1, -1});
    expect_disk(command.facts, "ide1", "/i.raw", "",
                (struct disk_place){"0000:00:01.1", 0, -1, 1});
    domain_facts_unref(command.facts);
}

static void
test_disks_of_proxmox_9(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(
        &command, "/usr/bin/kvm", "-readconfig",
        "/usr/share/qemu-server/pve-q35-4.0.cfg", "-blockdev",
        "{\"driver\":\"throttle\",\"file\":{\"driver\":\"raw\",\"file\":{\"driver\":"
        "\"host_device\",\"filename\":\"/dev/pve/vm-103-disk-1\",\"node-name\":"
        "\"e72b\"},\"node-name\":\"f72b\"},\"node-name\":\"drive-scsi0\"}",
        "-device", "virtio-scsi-pci,id=virtioscsi0,bus=pci.3,addr=0x1", "-device",
        "scsi-hd,bus=virtioscsi0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id="
        "scsi0,device_id=drive-scsi0,write-cache=on",
        "-device",
        "scsi-hd,bus=virtioscsi0.0,scsi-id=0,lun=1,drive=none,id=scsi1,serial=abc,"
        "device_id=drive-scsi1",
        "-device", "virtio-scsi-pci,id=placed,bus=pcie.0,addr=0x2", "-device",
        "scsi-hd,bus=placed.0,scsi-id=0,lun=1,drive=none,id=scsi2,serial=abc,"
        "device_id=drive-scsi2",
        "-device", "ide-hd,bus=ide.3,drive=drive-ide3,id=ide3", "-machine",
        "hpet=off,type=q35+pve0"));
    expect_disk(command.facts, "scsi0", "/dev/pve/vm-103-disk-1", "drive-scsi0",
                (struct disk_place){"0000:09:01.0", -1, 0, 0});
    expect_disk(command.facts, "scsi1", "", "",
                (struct disk_place){"0000:09:01.0", -1, 0, 1});
    expect_disk(command.facts, "scsi2", "", "",
                (struct disk_place){"0000:00:02.0", -1, 0, 1});
    expect_disk(command.facts, "ide3", "", "",
                (struct disk_place){"0000:00:1f.2", 3, -1, -1});
    domain_facts_unref(command.facts);
}

static void
test_disks_of_libvirt(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(
        &command, "/usr/bin/qemu-system-x86_64", "-machine", "q35", "-device",
        "{\"driver\":\"pcie-root-port\",\"id\":\"pci.4\",\"bus\":\"pcie.0\",\"addr\":"
        "\"0x2.0x3\"}",
        "-blockdev",
        "{\"driver\":\"file\",\"filename\":\"/img/a.qcow2\",\"node-name\":\"libvirt-1-"
        "storage\"}",
        "-blockdev",
        "{\"node-name\":\"libvirt-1-format\",\"driver\":\"qcow2\",\"file\":\"libvirt-1-"
        "storage\"}",
        "-device",
        "{\"driver\":\"virtio-blk-pci\",\"bus\":\"pci.4\",\"addr\":\"0x0\",\"drive\":"
        "\"libvirt-1-format\",\"id\":\"virtio-disk0\",\"serial\":\"s1\"}"));
    expect_disk(command.facts, "virtio-disk0", "/img/a.qcow2", "s1",
                (struct disk_place){"0000:01:00.0", -1, -1, -1});
    domain_facts_unref(command.facts);
}

static void
test_disks_by_hand(void **state)
{
    struct qemu_command command;

    (void)state;
    assert_true(PARSE(&command, "qemu-system-x86_64", "-drive",
                      "file=/d.raw,if=none,id=drive0,format=raw", "-device",
                      "virtio-blk-pci,drive=drive0,serial=lab-1", "-device",
                      "scsi-hd,drive=d1", "-device", "virtio-blk-pci", "-blockdev",
                      "qcow2,node-name=d1,file.driver=file,file.filename=/e.qcow2",
                      "-blockdev", "raw,node-name=ring,file=ring", "-device",
                      "nvme,drive=ring,id=ring"));
    assert_int_equal(command.facts->host.disks_count, 3);
    expect_disk(command.facts, "drive0", "/d.raw", "lab-1",
                (struct disk_place){"", -1, -1, -1});
    expect_disk(command.facts, "d1", "/e.qcow2", "",
                (struct disk_place){"", -1, -1, -1});
    expect_disk(command.facts, "ring", "", "", (struct disk_place){"", -1, -1, -1});
    domain_facts_unref(command.facts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nics),
        cmocka_unit_test(test_disks_of_proxmox_8),
        cmocka_unit_test(test_disks_of_proxmox_9),
        cmocka_unit_test(test_disks_of_libvirt),
        cmocka_unit_test(test_disks_by_hand),
    };

    return cmocka_run_group_tests_name("qemu devices", tests, NULL, NULL);
}
