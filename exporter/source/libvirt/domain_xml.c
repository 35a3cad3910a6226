/* A domain's XML, by libxml2. */
#include "source/libvirt/domain_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT_CHANNEL "org.qemu.guest_agent.0"
/* What virt-manager and virt-install leave in <metadata>. */
#define LIBOSINFO_NAMESPACE "http://libosinfo.org/xmlns/libvirt/domain/1.0"
#define XML_BYTES_MAX ((size_t)8 << 20)

/* Cut to a quarter when kept. */
#define ATTRIBUTE_BYTES ((size_t)4 * DOMAIN_TEXT_BYTES_MAX)
#define SOURCE_BYTES (2 * ATTRIBUTE_BYTES)
/* Beyond what QEMU takes; a product stays within an int64_t. */
#define VCPUS_MAX 1000000
#define MEMORY_KIB_MAX (INT64_C(1) << 50)
#define DRIVE_NUMBER_MAX 16383 /* LUNs of virtio-scsi */

static bool
is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE &&
           strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *
child(const xmlNode *parent, const char *name)
{
    for (const xmlNode *node = parent ? parent->children : NULL; node;
         node = node->next) {
        if (is_element(node, name))
            return node;
    }
    return NULL;
}

static bool
attribute_is(const xmlNode *node, const char *name, const char *value)
{
    xmlChar *found = xmlGetProp(node, (const xmlChar *)name);
    bool is = found && strcmp((const char *)found, value) == 0;

    xmlFree(found);
    return is;
}

static enum channel_state
channel_state(const xmlNode *domain)
{
    const xmlNode *devices = child(domain, "devices");

    for (const xmlNode *node = devices ? devices->children : NULL; node;
         node = node->next) {
        const xmlNode *target =
            is_element(node, "channel") ? child(node, "target") : NULL;

        if (!target || !attribute_is(target, "name", AGENT_CHANNEL))
            continue;
        /* Without the attribute nobody knows: ask, and see. */
        return attribute_is(target, "state", "disconnected") ? CHANNEL_DISCONNECTED
                                                             : CHANNEL_CONNECTED;
    }
    return CHANNEL_ABSENT;
}

static bool
is_of(const xmlNode *node, const char *namespace)
{
    return node && node->ns && strcmp((const char *)node->ns->href, namespace) == 0;
}

static bool
opted_out(const xmlNode *domain)
{
    const xmlNode *ours = child(child(domain, "metadata"), "exporter");

    return is_of(ours, DOMAIN_XML_NAMESPACE) && attribute_is(ours, "poll", "no");
}

/* Where libosinfo's name is not that of os-release. */
static const char *
os_release_name(const char *libosinfo_name)
{
    static const struct {
        const char *libosinfo, *os_release;
    } names[] = {
        {"win", "mswindows"},  {"alpinelinux", "alpine"},   {"archlinux", "arch"},
        {"oraclelinux", "ol"}, {"centos-stream", "centos"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].libosinfo, libosinfo_name) == 0)
            return names[i].os_release;
    }
    return libosinfo_name;
}

/* "http://debian.org/debian/12" is debian; whatever is not of this form is left out. */
static void
os_of_id(const char *id, char os[DOMAIN_XML_OS_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *host = strstr(id, "://");
    const char *name = host ? strchr(host + 3, '/') : NULL;
    size_t length = name ? strspn(++name, letters) : 0;
    char found[DOMAIN_XML_OS_BYTES];

    if (length == 0 || length >= sizeof found ||
        (name[length] != '/' && name[length] != '\0'))
        return;
    memcpy(found, name, length);
    found[length] = '\0';
    snprintf(os, DOMAIN_XML_OS_BYTES, "%s", os_release_name(found));
}

static void
made_for(const xmlNode *domain, char os[DOMAIN_XML_OS_BYTES])
{
    const xmlNode *metadata = child(child(domain, "metadata"), "libosinfo");
    const xmlNode *system = child(metadata, "os");

    os[0] = '\0';
    if (!is_of(metadata, LIBOSINFO_NAMESPACE) || !system)
        return;
    xmlChar *id = xmlGetProp(system, (const xmlChar *)"id");

    if (id)
        os_of_id((const char *)id, os);
    xmlFree(id);
}

/* --- what the definition says --- */

/* An attribute's value in `buffer`, cut; "" if it is not there. */
static const char *
attribute(const xmlNode *node, const char *name, char buffer[ATTRIBUTE_BYTES])
{
    xmlChar *found = node ? xmlGetProp(node, (const xmlChar *)name) : NULL;

    snprintf(buffer, ATTRIBUTE_BYTES, "%s", found ? (const char *)found : "");
    xmlFree(found);
    return buffer;
}

/* The text of an element, without the blanks around it; caller frees. */
static char *
text_of(const xmlNode *node)
{
    static const char blanks[] = " \t\r\n";
    xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
    char *text = content ? (char *)content + strspn((char *)content, blanks) : NULL;
    size_t length = text ? strlen(text) : 0;

    while (length > 0 && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    char *copy = domain_facts_text(text ? text : "");

    xmlFree(content);
    return copy;
}

/* 0: not there, or no such number. */
static int64_t
number_of(const char *text, int64_t max)
{
    char *end;
    long long number = strtoll(text, &end, 10);

    return *text && !*end && number > 0 && number <= max ? number : 0;
}

static int64_t
element_number(const xmlNode *node, int64_t max)
{
    char *text = text_of(node);
    int64_t number = number_of(text, max);

    free(text);
    return number;
}

static void
read_vcpus(const xmlNode *domain, struct domain_range *vcpus)
{
    const xmlNode *node = child(domain, "vcpu");
    char current[ATTRIBUTE_BYTES];

    vcpus->maximum = element_number(node, VCPUS_MAX);
    vcpus->current = number_of(attribute(node, "current", current), VCPUS_MAX);
    if (vcpus->current == 0)
        vcpus->current = vcpus->maximum;
}

/* libvirt converts whatever unit was given to KiB. */
static int64_t
memory_bytes(const xmlNode *node)
{
    char unit[ATTRIBUTE_BYTES];

    if (*attribute(node, "unit", unit) && strcmp(unit, "KiB") != 0)
        return 0;
    return element_number(node, MEMORY_KIB_MAX) * 1024;
}

static void
read_memory(const xmlNode *domain, struct domain_range *bytes)
{
    bytes->maximum = memory_bytes(child(domain, "memory"));
    bytes->current = memory_bytes(child(domain, "currentMemory"));
    if (bytes->current == 0)
        bytes->current = bytes->maximum;
}

static void
add_nic(struct domain_facts *facts, const xmlNode *interface)
{
    static const char *const places[] = {"network", "bridge", "dev"};
    char mac[ATTRIBUTE_BYTES], target[ATTRIBUTE_BYTES], network[ATTRIBUTE_BYTES] = "",
                                                        model[ATTRIBUTE_BYTES];
    const xmlNode *source = child(interface, "source");

    for (size_t i = 0; i < sizeof places / sizeof places[0] && !*network; i++)
        attribute(source, places[i], network);
    domain_facts_add_nic(
        facts, &(struct host_nic){
                   .mac = attribute(child(interface, "mac"), "address", mac),
                   .target = attribute(child(interface, "target"), "dev", target),
                   .network = network,
                   .model = attribute(child(interface, "model"), "type", model),
               });
}

static void
disk_source(const xmlNode *disk, char place[SOURCE_BYTES])
{
    static const char *const places[] = {"file", "dev", "dir"};
    const xmlNode *source = child(disk, "source");
    char one[ATTRIBUTE_BYTES] = "", other[ATTRIBUTE_BYTES];

    for (size_t i = 0; i < sizeof places / sizeof places[0] && !*one; i++)
        attribute(source, places[i], one);
    snprintf(place, SOURCE_BYTES, "%s", one);
    if (*one)
        return;
    if (*attribute(source, "volume", other))
        snprintf(place, SOURCE_BYTES, "%s/%s", attribute(source, "pool", one), other);
    else if (*attribute(source, "name", other))
        snprintf(place, SOURCE_BYTES, "%s:%s", attribute(source, "protocol", one),
                 other);
}

/* As guests on Linux write it; "" unless it is a PCI device. */
static void
pci_address(const xmlNode *device, char address[ATTRIBUTE_BYTES])
{
    static const char *const parts[] = {"domain", "bus", "slot", "function"};
    const xmlNode *node = child(device, "address");
    unsigned long numbers[4];
    char text[ATTRIBUTE_BYTES];

    address[0] = '\0';
    if (!node || !attribute_is(node, "type", "pci"))
        return;
    for (size_t i = 0; i < 4; i++) {
        char *end;

        numbers[i] = strtoul(attribute(node, parts[i], text), &end, 0);
        if (!*text || *end || numbers[i] > 0xffff)
            return;
    }
    snprintf(address, ATTRIBUTE_BYTES, "%04lx:%02lx:%02lx.%lx", numbers[0], numbers[1],
             numbers[2], numbers[3]);
}

static const xmlNode *
controller(const xmlNode *devices, const char *type, const char *index)
{
    for (const xmlNode *node = devices->children; node; node = node->next) {
        if (is_element(node, "controller") && attribute_is(node, "type", type) &&
            attribute_is(node, "index", index))
            return node;
    }
    return NULL;
}

static int64_t
address_number(const xmlNode *address, const char *name)
{
    char text[ATTRIBUTE_BYTES];

    return number_of(attribute(address, name, text), DRIVE_NUMBER_MAX);
}

/* Behind a controller, as the guest counts there: a port of SATA is a bus of its own.
 */
static struct disk_place
drive_place(const xmlNode *devices, const xmlNode *disk, char address[ATTRIBUTE_BYTES])
{
    struct disk_place place = {address, DISK_PLACE_ANY, DISK_PLACE_ANY, DISK_PLACE_ANY};
    const xmlNode *drive = child(disk, "address");
    char type[ATTRIBUTE_BYTES], index[ATTRIBUTE_BYTES];
    const xmlNode *parent =
        controller(devices, attribute(child(disk, "target"), "bus", type),
                   attribute(drive, "controller", index));

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

static struct disk_place
disk_place(const xmlNode *devices, const xmlNode *disk, char address[ATTRIBUTE_BYTES])
{
    struct disk_place place = {address, DISK_PLACE_ANY, DISK_PLACE_ANY, DISK_PLACE_ANY};
    const xmlNode *node = child(disk, "address");

    pci_address(disk, address);
    if (node && attribute_is(node, "type", "drive"))
        place = drive_place(devices, disk, address);
    return place;
}

static void
add_disk(struct domain_facts *facts, const xmlNode *devices, const xmlNode *disk)
{
    char target[ATTRIBUTE_BYTES], place[SOURCE_BYTES], address[ATTRIBUTE_BYTES];
    char *serial = text_of(child(disk, "serial"));

    disk_source(disk, place);
    domain_facts_add_disk(facts,
                          &(struct host_disk){
                              .target = attribute(child(disk, "target"), "dev", target),
                              .source = place,
                              .serial = serial,
                              .place = disk_place(devices, disk, address),
                          });
    free(serial);
}

static void
read_devices(const xmlNode *domain, struct domain_facts *facts)
{
    const xmlNode *devices = child(domain, "devices");

    for (const xmlNode *node = devices ? devices->children : NULL; node;
         node = node->next) {
        if (is_element(node, "interface"))
            add_nic(facts, node);
        else if (is_element(node, "disk"))
            add_disk(facts, devices, node);
    }
}

/* --- metadata --- */

/* Where in <metadata> we are. */
struct place {
    struct domain_facts *facts;
    const char *namespace;
    char path[DOMAIN_PATH_BYTES_MAX];
};

/* Appends to the path; its old length, or SIZE_MAX if it does not fit. */
static size_t
enter(struct place *place, const char *separator, const xmlChar *name)
{
    size_t length = strlen(place->path);
    size_t added = strlen(separator) + strlen((const char *)name);

    if (added >= sizeof place->path - length)
        return SIZE_MAX;
    snprintf(place->path + length, sizeof place->path - length, "%s%s", separator,
             (const char *)name);
    return length;
}

static bool
is_full(const struct place *place)
{
    return place->facts->metadata_count == DOMAIN_METADATA_MAX;
}

static void
add_attributes(struct place *place, const xmlNode *node)
{
    for (const xmlAttr *one = node->properties; one && !is_full(place);
         one = one->next) {
        size_t length = enter(place, "@", one->name);

        if (length == SIZE_MAX)
            continue;
        xmlChar *value = xmlNodeListGetString(node->doc, one->children, 1);

        domain_facts_add_metadata(place->facts, place->namespace, place->path,
                                  value ? (const char *)value : "");
        xmlFree(value);
        place->path[length] = '\0';
    }
}

/* Recurses at most DOMAIN_METADATA_DEPTH_MAX times. */
static void
add_metadata(struct place *place, const xmlNode *node, size_t depth)
{
    size_t length = enter(place, depth > 0 ? "/" : "", node->name);
    bool is_leaf = true;

    if (length == SIZE_MAX)
        return;
    add_attributes(place, node);
    for (const xmlNode *below = node->children; below && !is_full(place);
         below = below->next) {
        if (below->type != XML_ELEMENT_NODE)
            continue;
        is_leaf = false;
        if (depth + 1 < DOMAIN_METADATA_DEPTH_MAX)
            add_metadata(place, below, depth + 1);
    }
    if (is_leaf) {
        char *text = text_of(node);

        domain_facts_add_metadata(place->facts, place->namespace, place->path, text);
        free(text);
    }
    place->path[length] = '\0';
}

static void
read_metadata(const xmlNode *domain, struct domain_facts *facts)
{
    const xmlNode *metadata = child(domain, "metadata");

    for (const xmlNode *node = metadata ? metadata->children : NULL; node;
         node = node->next) {
        if (node->type != XML_ELEMENT_NODE || !node->ns || !node->ns->href)
            continue;
        struct place place = {.facts = facts,
                              .namespace = (const char *)node->ns->href};

        add_metadata(&place, node, 0);
    }
}

static struct domain_facts *
read_facts(const xmlNode *domain)
{
    struct domain_facts *facts = domain_facts_new();

    free(facts->title);
    facts->title = text_of(child(domain, "title"));
    read_vcpus(domain, &facts->vcpus);
    read_memory(domain, &facts->memory_bytes);
    read_devices(domain, facts);
    read_metadata(domain, facts);
    return facts;
}

bool
domain_xml_parse(const char *xml, struct domain_xml *domain)
{
    size_t length = strlen(xml);

    if (length > XML_BYTES_MAX)
        return false;
    xmlDoc *document =
        xmlReadMemory(xml, (int)length, NULL, NULL,
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!document)
        return false;

    /* Entities of its own could grow without end when a value is read. */
    if (document->intSubset) {
        xmlFreeDoc(document);
        return false;
    }
    const xmlNode *root = xmlDocGetRootElement(document);

    domain->channel = channel_state(root);
    domain->opted_out = opted_out(root);
    made_for(root, domain->os);
    domain->facts = read_facts(root);
    xmlFreeDoc(document);
    return true;
}
