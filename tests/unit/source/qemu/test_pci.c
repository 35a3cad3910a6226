/* Addresses as guests see them. */
#include "source/qemu/pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "unit/cmocka_any.h"

/* `devices` ends with NULL; the first is asked for. */
static void
expect(const char *const *devices, bool is_q35, bool has_more, const char *address)
{
    struct qemu_pci pci = {.is_q35 = is_q35, .has_more = has_more};
    char found[QEMU_PCI_ADDRESS_BYTES];

    for (; *devices; devices++)
        qemu_options_list_add(&pci.devices, *devices, "driver");
    qemu_pci_address(&pci, &pci.devices.items[0], found);
    assert_string_equal(found, address);
    qemu_options_list_clear(&pci.devices);
}
#define DEVICES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
test_at_the_root(void **state)
{
    (void)state;
    expect(DEVICES("virtio-blk-pci,bus=pci.0,addr=0xa"), false, false, "0000:00:0a.0");
    expect(DEVICES("virtio-blk-pci,bus=pcie.0,addr=1f.2"), true, true, "0000:00:1f.2");
    expect(DEVICES("virtio-blk-pci,bus=pci.0,addr=0x1.0x3"), false, true,
           "0000:00:01.3");
    /* QEMU chooses. */
    expect(DEVICES("virtio-blk-pci"), false, false, "");
    expect(DEVICES("virtio-blk-pci,bus=pci.0"), false, false, "");
    expect(DEVICES("virtio-blk-pci,addr=3"), false, false, "");
    expect(DEVICES("virtio-blk-pci,bus=pci.0,addr=0x20"), false, false, "");
    expect(DEVICES("virtio-blk-pci,bus=pci.0,addr=1.9"), false, false, "");
    expect(DEVICES("virtio-blk-pci,bus=pci.0,addr=3x"), false, false, "");
}

static void
test_behind_bridges(void **state)
{
#define BRIDGES                                                                        \
    "pci-bridge,id=pci.1,bus=pci.0,addr=0x1e", "pci-bridge,id=pci.3,bus=pci.0,addr=5", \
        "pci-bridge,id=deep,bus=pci.3,addr=2"

    (void)state;
    /* In the order of slots, and depth first. */
    expect(DEVICES("scsi,bus=pci.3,addr=0x1", BRIDGES), false, false, "0000:01:01.0");
    expect(DEVICES("scsi,bus=deep,addr=0x1", BRIDGES), false, false, "0000:02:01.0");
    expect(DEVICES("scsi,bus=pci.1,addr=0x1", BRIDGES), false, false, "0000:03:01.0");
    /* There are bridges that the command line does not show. */
    expect(DEVICES("scsi,bus=pci.3,addr=0x1", BRIDGES), false, true, "");
    expect(DEVICES("scsi,bus=pci.0,addr=0x1", BRIDGES), true, false, "");
    expect(DEVICES("scsi,bus=pci.9,addr=0x1", BRIDGES), false, false, "");
    /* One of them is where QEMU wants it. */
    expect(DEVICES("scsi,bus=pci.3,addr=0x1", BRIDGES, "pcie-root-port,id=x"), false,
           false, "");
    expect(DEVICES("scsi,bus=pci.3,addr=0x1", BRIDGES, "pxb,id=x,bus=pci.0,addr=4"),
           false, false, "");
    expect(DEVICES("virtio-blk-pci,bus=rp2,addr=0x0",
                   "pcie-root-port,id=rp2,bus=pcie.0,addr=0x2.0x1",
                   "pcie-root-port,id=rp1,bus=pcie.0,addr=0x2"),
           true, false, "0000:02:00.0");
}

/* Bridges below each other end somewhere. */
static void
test_a_ring_of_bridges(void **state)
{
    (void)state;
    expect(DEVICES("scsi,bus=none,addr=1", "pci-bridge,id=pci.0,bus=pci.0,addr=1",
                   "pci-bridge,id=pci.0,bus=pci.0,addr=2",
                   "pci-bridge,id=pci.0,bus=pci.0,addr=3",
                   "pci-bridge,id=pci.0,bus=pci.0,addr=4"),
           false, false, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_the_root),
        cmocka_unit_test(test_behind_bridges),
        cmocka_unit_test(test_a_ring_of_bridges),
    };

    return cmocka_run_group_tests_name("qemu pci", tests, NULL, NULL);
}
