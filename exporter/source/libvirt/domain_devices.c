/* Interfaces and disks, as the host has them and as the guest sees them. */
#include "source/libvirt/domain_devices.h"

#include "source/libvirt/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_BYTES (2 * XML_ATTRIBUTE_BYTES)
#define DRIVE_NUMBER_MAX 16383 /* LUNs of virtio-scsi */

#define ADDRESS_PARTS_MAX 4

/* false: one of them is missing, or no such number. */
static bool
address_parts(const xmlNode *address, const char *const names[], size_t count,
              unsigned long numbers[ADDRESS_PARTS_MAX])
{
    for (size_t i = 0; i < count; i++) {
        char text[XML_ATTRIBUTE_BYTES], *end;

        numbers[i] = strtoul(xml_attribute(address, names[i], text), &end, 0);
        if (!*text || *end || numbers[i] > 0xffff)
            return false;
    }
    return true;
}

/* As guests on Linux write it; "" unless it is a PCI device. */
static void
pci_address(const xmlNode *device, char address[XML_ATTRIBUTE_BYTES])
{
    static const char *const parts[] = {"domain", "bus", "slot", "function"};
    const xmlNode *node = xml_child(device, "address");
    unsigned long numbers[ADDRESS_PARTS_MAX];

    address[0] = '\0';
    if (xml_attribute_is(node, "type", "pci") && address_parts(node, parts, 4, numbers))
        snprintf(address, XML_ATTRIBUTE_BYTES, "%04lx:%02lx:%02lx.%lx", numbers[0],
                 numbers[1], numbers[2], numbers[3]);
}

/* Likewise of a channel (s390x): the guest finds QEMU's subsystem 0xfe as its 0. */
static void
ccw_address(const xmlNode *device, char address[XML_ATTRIBUTE_BYTES])
{
    static const char *const parts[] = {"ssid", "devno"};
    unsigned long numbers[ADDRESS_PARTS_MAX];

    if (address_parts(xml_child(device, "address"), parts, 2, numbers))
        snprintf(address, XML_ATTRIBUTE_BYTES, "0.%lx.%04lx", numbers[0], numbers[1]);
}

static void
add_nic(struct domain_facts *facts, const xmlNode *interface)
{
    static const char *const places[] = {"network", "bridge", "dev", "path"};
    char mac[XML_ATTRIBUTE_BYTES], target[XML_ATTRIBUTE_BYTES],
        network[XML_ATTRIBUTE_BYTES] = "", model[XML_ATTRIBUTE_BYTES];
    const xmlNode *source = xml_child(interface, "source");

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !*network; i++)
        xml_attribute(source, places[i], network);
    if (!*xml_attribute(xml_child(interface, "target"), "dev", target))
        pci_address(source, target); /* a card of the host's, or a part of one */
    domain_facts_add_nic(
        facts, &(struct host_nic){
                   .mac = xml_attribute(xml_child(interface, "mac"), "address", mac),
                   .target = target,
                   .network = network,
                   .model = xml_attribute(xml_child(interface, "model"), "type", model),
               });
}

/* Where its name is not all, or it has none. */
static void
other_source(const xmlNode *source, char place[SOURCE_BYTES])
{
    const xmlNode *host = xml_child(source, "host");
    char one[XML_ATTRIBUTE_BYTES], other[XML_ATTRIBUTE_BYTES];

    pci_address(source, one);
    if (*one) {
        snprintf(place, SOURCE_BYTES, "nvme:%s/%s", one,
                 xml_attribute(source, "namespace", other));
        return;
    }
    if (*xml_attribute(source, "volume", other))
        snprintf(place, SOURCE_BYTES, "%s/%s", xml_attribute(source, "pool", one),
                 other);
    else if (*xml_attribute(source, "name", other) ||
             *xml_attribute(host, "name", other) ||
             *xml_attribute(host, "socket", other))
        snprintf(place, SOURCE_BYTES, "%s:%s", xml_attribute(source, "protocol", one),
                 other);
}

static void
disk_source(const xmlNode *disk, char place[SOURCE_BYTES])
{
    static const char *const places[] = {"file", "dev", "dir", "path"};
    const xmlNode *source = xml_child(disk, "source");
    char one[XML_ATTRIBUTE_BYTES] = "";

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !*one; i++)
        xml_attribute(source, places[i], one);
    snprintf(place, SOURCE_BYTES, "%s", one);
    if (!*one)
        other_source(source, place);
}

static const xmlNode *
controller(const xmlNode *devices, const char *type, const char *index)
{
    for (const xmlNode *node = devices->children; node; node = node->next) {
        if (xml_is(node, "controller") && xml_attribute_is(node, "type", type) &&
            xml_attribute_is(node, "index", index))
            return node;
    }
    return NULL;
}

static int64_t
address_number(const xmlNode *address, const char *name)
{
    char text[XML_ATTRIBUTE_BYTES];

    return xml_number(xml_attribute(address, name, text), DRIVE_NUMBER_MAX);
}

/* Behind a controller, as the guest counts there: a port of SATA is a bus of its own.
 */
static struct disk_place
drive_place(const xmlNode *devices, const xmlNode *disk,
            char address[XML_ATTRIBUTE_BYTES])
{
    struct disk_place place = {address, DISK_PLACE_ANY, DISK_PLACE_ANY, DISK_PLACE_ANY};
    const xmlNode *drive = xml_child(disk, "address");
    char type[XML_ATTRIBUTE_BYTES], index[XML_ATTRIBUTE_BYTES];
    const xmlNode *parent =
        controller(devices, xml_attribute(xml_child(disk, "target"), "bus", type),
                   xml_attribute(drive, "controller", index));

    if (parent)
        pci_address(parent, address);
    if (strcmp(type, "sata") == 0) {
        place.bus = address_number(drive, "unit");
    } else if (strcmp(type, "ide") == 0) {
        place.bus = address_number(drive, "bus");
        place.unit = address_number(drive, "unit");
    } else {
        place.target = address_number(drive, "target");
        place.unit = address_number(drive, "unit");
    }
    return place;
}

/* That of its controller: at which port it is, the guest does not say. */
static void
usb_address(const xmlNode *devices, const xmlNode *disk,
            char address[XML_ATTRIBUTE_BYTES])
{
    char bus[XML_ATTRIBUTE_BYTES];
    const xmlNode *parent = controller(
        devices, "usb", xml_attribute(xml_child(disk, "address"), "bus", bus));

    if (parent)
        pci_address(parent, address);
}

static bool
is_at(const xmlNode *disk, const char *type)
{
    return xml_attribute_is(xml_child(disk, "address"), "type", type);
}

static struct disk_place
disk_place(const xmlNode *devices, const xmlNode *disk,
           char address[XML_ATTRIBUTE_BYTES])
{
    struct disk_place place = {address, DISK_PLACE_ANY, DISK_PLACE_ANY, DISK_PLACE_ANY};

    pci_address(disk, address);
    if (is_at(disk, "drive"))
        place = drive_place(devices, disk, address);
    else if (is_at(disk, "ccw"))
        ccw_address(disk, address);
    else if (is_at(disk, "usb"))
        usb_address(devices, disk, address);
    return place;
}

static void
add_disk(struct domain_facts *facts, const xmlNode *devices, const xmlNode *disk)
{
    char target[XML_ATTRIBUTE_BYTES], place[SOURCE_BYTES], address[XML_ATTRIBUTE_BYTES],
        alias[XML_ATTRIBUTE_BYTES];
    char *serial = xml_text(xml_child(disk, "serial"));

    disk_source(disk, place);
    domain_facts_add_disk(
        facts, &(struct host_disk){
                   .target = xml_attribute(xml_child(disk, "target"), "dev", target),
                   .alias = xml_attribute(xml_child(disk, "alias"), "name", alias),
                   .source = place,
                   .serial = serial,
                   .place = disk_place(devices, disk, address),
                   .shares_place = is_at(disk, "usb"),
               });
    free(serial);
}

void
domain_devices_read(const xmlNode *domain, struct domain_facts *facts)
{
    const xmlNode *devices = xml_child(domain, "devices");

    for (const xmlNode *node = devices ? devices->children : NULL; node;
         node = node->next) {
        if (xml_is(node, "interface"))
            add_nic(facts, node);
        else if (xml_is(node, "disk"))
            add_disk(facts, devices, node);
        else if (xml_is(node, "memballoon"))
            facts->lacks_balloon = xml_attribute_is(node, "model", "none");
    }
}
