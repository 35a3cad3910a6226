/* What stands in Proxmox VE's files, and where guests find what hangs on it. */
#include "source/qemu/readconfig.h"

#include "source/qemu/options.h"
#include "source/qemu/pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "unit/cmocka_any.h"

#define FOLDER "/usr/share/qemu-server/"

struct place {
    const char *device, *address;
};

static void
expect(const char *path, bool is_q35, const struct place *places, size_t count)
{
    struct qemu_pci pci = {.is_q35 = is_q35};
    char address[QEMU_PCI_ADDRESS_BYTES];

    assert_true(qemu_readconfig_add_bridges(path, &pci.devices));
    /* Of a passed through device, behind all of the file's. */
    qemu_options_list_add(&pci.devices, "pcie-root-port,id=more,bus=pcie.0,addr=1f.7",
                          "driver");
    for (size_t i = 0; i < count; i++) {
        struct qemu_options device = qemu_options_read(places[i].device, "driver");

        qemu_pci_address(&pci, &device, address);
        assert_string_equal(address, places[i].address);
        qemu_options_clear(&device);
    }
    qemu_options_list_clear(&pci.devices);
}

/* A NIC net0 there is known as enp6s18. */
static void
test_q35(void **state)
{
    static const struct place places[] = {
        {"virtio-net-pci,bus=pci.0,addr=0x12", "0000:06:12.0"},
        {"virtio-blk-pci,bus=pci.0,addr=0xa", "0000:06:0a.0"},
        {"virtio-blk-pci,bus=pci.1,addr=0x1", "0000:07:01.0"},
        {"virtio-scsi-pci,bus=pci.3,addr=0x1", "0000:09:01.0"},
        {"vfio-pci,bus=ich9-pcie-port-1,addr=0x0", "0000:01:00.0"},
        {"vfio-pci,bus=ich9-pcie-port-4,addr=0x0.0x1", "0000:04:00.1"},
        {"vfio-pci,bus=more,addr=0x0", "0000:0a:00.0"},
        {"virtio-blk-pci,bus=pcie.0,addr=0x2", "0000:00:02.0"},
        {"virtio-blk-pci,bus=pci.4,addr=0x2", ""},
    };

    (void)state;
    expect(FOLDER "pve-q35-4.0.cfg", true, places, sizeof(places) / sizeof(places[0]));
}

static void
test_q35_before_4_0(void **state)
{
    static const struct place places[] = {
        {"virtio-blk-pci,bus=pci.0,addr=0xa", "0000:06:0a.0"},
        {"virtio-scsi-pci,bus=pci.2,addr=0x1", "0000:08:01.0"},
        {"virtio-scsi-pci,bus=pci.3,addr=0x1", ""},
        {"vfio-pci,bus=more,addr=0x0", "0000:09:00.0"},
    };

    (void)state;
    expect(FOLDER "pve-q35.cfg", true, places, sizeof(places) / sizeof(places[0]));
}

static void
test_usb(void **state)
{
    struct qemu_options_list devices = {.count = 0};

    (void)state;
    assert_true(qemu_readconfig_add_bridges(FOLDER "pve-usb.cfg", &devices));
    assert_int_equal(devices.count, 0);
}

static void
test_others(void **state)
{
    static const char *const paths[] = {"", "pve-q35-4.0.cfg", "/root/pve-q35-4.0.cfg",
                                        FOLDER "pve-q35-11.0.cfg"};
    struct qemu_options_list devices = {.count = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_false(qemu_readconfig_add_bridges(paths[i], &devices));
    assert_int_equal(devices.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_q35),
        cmocka_unit_test(test_q35_before_4_0),
        cmocka_unit_test(test_usb),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests_name("qemu readconfig", tests, NULL, NULL);
}
