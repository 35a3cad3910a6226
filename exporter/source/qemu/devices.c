/* What stands behind a device of the guest's. */
#include "source/qemu/devices.h"

#include "source/domain_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 16383  /* LUNs of virtio-scsi */
#define BLOCK_DEPTH_MAX 8 /* formats and filters above a file */

static int64_t
number_of(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return *text && !*end && number >= 0 && number <= NUMBER_MAX ? number
                                                                 : DISK_PLACE_ANY;
}

/* One of `net`, which may be NULL, with a model and an address. */
static void
add_nic(struct domain_facts *facts, const struct qemu_options *net, const char *mac,
        const char *model)
{
    domain_facts_add_nic(facts,
                         &(struct host_nic){
                             .mac = mac,
                             .target = net ? qemu_options_get(net, "ifname") : "",
                             .network = net ? qemu_options_get(net, "br") : "",
                             .model = model,
                         });
}

/* What lies below formats and filters: "file.filename", "file.file.filename", or the
 * name of another node. */
static const char *
file_of(const struct qemu_devices *devices, const struct qemu_options *node)
{
    for (size_t depth = 0; node && depth < BLOCK_DEPTH_MAX; depth++) {
        char key[QEMU_OPTIONS_KEY_BYTES] = "file";
        const char *below = "";

        if (*qemu_options_get(node, "filename"))
            return qemu_options_get(node, "filename");
        while (!*below && strlen(key) + sizeof(".filename") < sizeof(key)) {
            size_t length = strlen(key);

            below = qemu_options_get(node, key);
            memcpy(key + length, ".filename", sizeof(".filename"));
            if (*qemu_options_get(node, key))
                return qemu_options_get(node, key);
            memcpy(key + length, ".file", sizeof(".file"));
        }
        node = qemu_options_list_find(&devices->nodes, "node-name", below);
    }
    return "";
}

static const char *
source_of(const struct qemu_devices *devices, const char *drive)
{
    const struct qemu_options *legacy =
        qemu_options_list_find(&devices->drives, "id", drive);

    if (legacy && *qemu_options_get(legacy, "file"))
        return qemu_options_get(legacy, "file");
    return file_of(
        devices,
        legacy ? legacy : qemu_options_list_find(&devices->nodes, "node-name", drive));
}

/* The controllers that a machine has anyway. */
static const char *
own_ide_address(const struct qemu_devices *devices)
{
    return devices->pci.is_q35 ? "0000:00:1f.2" : "0000:00:01.1";
}

/* Behind a controller: its bus is "ID.NUMBER". */
static void
find_behind(const struct qemu_devices *devices, const struct qemu_options *device,
            struct disk_place *place, char address[QEMU_PCI_ADDRESS_BYTES])
{
    const char *bus = qemu_options_get(device, "bus"), *dot = strrchr(bus, '.');
    char id[QEMU_OPTIONS_KEY_BYTES] = "";

    if (!dot || (size_t)(dot - bus) >= sizeof(id))
        return;
    memcpy(id, bus, (size_t)(dot - bus));
    const struct qemu_options *controller =
        qemu_options_list_find(&devices->pci.devices, "id", id);

    if (controller)
        qemu_pci_address(&devices->pci, controller, address);
    else if (strcmp(id, "ide") == 0)
        (void)snprintf(address, QEMU_PCI_ADDRESS_BYTES, "%s", own_ide_address(devices));
    if (strncmp(qemu_options_get(device, "driver"), "ide", 3) == 0) {
        place->bus = number_of(dot + 1);
        place->unit = controller || devices->pci.is_q35
                          ? DISK_PLACE_ANY
                          : number_of(qemu_options_get(device, "unit"));
        return;
    }
    place->target = number_of(qemu_options_get(device, "scsi-id"));
    place->unit = number_of(qemu_options_get(device, "lun"));
}

/* As the guest will say it: udev takes a SCSI disk's device_id, which without a serial
 * is the drive's ID.  Where both are there, others than udev say the serial: the place
 * has to do. */
static const char *
serial_of(const struct qemu_options *device, bool is_placed, bool is_legacy)
{
    const char *id = qemu_options_get(device, "device_id"),
               *serial = qemu_options_get(device, "serial");
    bool is_scsi = strncmp(qemu_options_get(device, "driver"), "scsi", 4) == 0;

    if (*id && *serial && strcmp(id, serial) != 0 && is_placed)
        return "";
    if (*id || *serial)
        return *id ? id : serial;
    return is_scsi && is_legacy ? qemu_options_get(device, "drive") : "";
}

static void
add_disk(struct domain_facts *facts, const struct qemu_devices *devices,
         const struct qemu_options *device)
{
    char address[QEMU_PCI_ADDRESS_BYTES];
    struct disk_place place = {address, DISK_PLACE_ANY, DISK_PLACE_ANY, DISK_PLACE_ANY};
    const char *drive = qemu_options_get(device, "drive"),
               *id = qemu_options_get(device, "id"),
               *driver = qemu_options_get(device, "driver");

    qemu_pci_address(&devices->pci, device, address);
    if (strncmp(driver, "scsi", 4) == 0 || strncmp(driver, "ide", 3) == 0)
        find_behind(devices, device, &place, address);
    domain_facts_add_disk(
        facts,
        &(struct host_disk){
            .target = *id ? id : drive,
            .source = source_of(devices, drive),
            .serial = serial_of(device, *address,
                                qemu_options_list_find(&devices->drives, "id", drive)),
            .place = place,
        });
}

static bool
is_disk(const char *driver)
{
    static const char *const names[] = {"virtio-blk", "scsi-hd", "scsi-block",
                                        "ide-hd",     "nvme",    "usb-storage"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(driver, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

void
qemu_devices_read(const struct qemu_devices *devices, struct domain_facts *facts)
{
    for (size_t i = 0; i < devices->pci.devices.count; i++) {
        const struct qemu_options *device = &devices->pci.devices.items[i];
        const char *driver = qemu_options_get(device, "driver"),
                   *mac = qemu_options_get(device, "mac");

        if (*mac)
            add_nic(facts,
                    qemu_options_list_find(&devices->nets, "id",
                                           qemu_options_get(device, "netdev")),
                    mac, driver);
        else if (is_disk(driver) && *qemu_options_get(device, "drive"))
            add_disk(facts, devices, device);
    }
    for (size_t i = 0; i < devices->nets.count; i++) {
        const struct qemu_options *net = &devices->nets.items[i];
        const char *mac = qemu_options_get(net, "mac");

        if (*mac) /* -nic */
            add_nic(facts, net, mac, qemu_options_get(net, "model"));
    }
}
