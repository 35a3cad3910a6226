/* A domain's XML, by libxml2. */
#include "source/libvirt/domain_xml.h"

#include "kit/hash.h"
#include "source/libvirt/domain_devices.h"
#include "source/libvirt/xml.h"

#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT_CHANNEL "org.qemu.guest_agent.0"
/* What virt-manager and virt-install leave in <metadata>. */
#define LIBOSINFO_NAMESPACE "http://libosinfo.org/xmlns/libvirt/domain/1.0"
#define XML_BYTES_MAX ((size_t)8 << 20)

/* Beyond what QEMU takes; a product stays within an int64_t. */
#define VCPUS_MAX 1000000
#define MEMORY_KIB_MAX (INT64_C(1) << 50)

/* libvirt takes no agent's channel but one by a UNIX socket. */
static enum channel_state
channel_state(const xmlNode *domain)
{
    const xmlNode *devices = xml_child(domain, "devices");
    enum channel_state found = CHANNEL_ABSENT;

    for (const xmlNode *node = devices ? devices->children : NULL; node;
         node = node->next) {
        const xmlNode *target =
            xml_is(node, "channel") ? xml_child(node, "target") : NULL;

        if (!xml_attribute_is(target, "name", AGENT_CHANNEL))
            continue;
        found = CHANNEL_UNUSABLE;
        if (!xml_attribute_is(node, "type", "unix"))
            continue;
        /* Without the attribute nobody knows: ask, and see. */
        return xml_attribute_is(target, "state", "disconnected") ? CHANNEL_DISCONNECTED
                                                                 : CHANNEL_CONNECTED;
    }
    return found;
}

/* Others may call theirs the same: the namespace tells whose it is. */
static const xmlNode *
metadata_of(const xmlNode *domain, const char *namespace, const char *name)
{
    const xmlNode *metadata = xml_child(domain, "metadata");

    for (const xmlNode *node = metadata ? metadata->children : NULL; node;
         node = node->next) {
        if (xml_is(node, name) && node->ns && node->ns->href &&
            strcmp((const char *)node->ns->href, namespace) == 0)
            return node;
    }
    return NULL;
}

static bool
opted_out(const xmlNode *domain)
{
    return xml_attribute_is(metadata_of(domain, DOMAIN_XML_NAMESPACE, "exporter"),
                            "poll", "no");
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

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
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

    if (length == 0 || length >= sizeof(found) ||
        (name[length] != '/' && name[length] != '\0'))
        return;
    memcpy(found, name, length);
    found[length] = '\0';
    snprintf(os, DOMAIN_XML_OS_BYTES, "%s", os_release_name(found));
}

static void
made_for(const xmlNode *domain, char os[DOMAIN_XML_OS_BYTES])
{
    const xmlNode *metadata = metadata_of(domain, LIBOSINFO_NAMESPACE, "libosinfo");
    char id[XML_ATTRIBUTE_BYTES];

    os[0] = '\0';
    os_of_id(xml_attribute(xml_child(metadata, "os"), "id", id), os);
}

/* --- what the definition says --- */

static int64_t
element_number(const xmlNode *node, int64_t max)
{
    char *text = xml_text(node);
    int64_t number = xml_number(text, max);

    free(text);
    return number;
}

static void
read_vcpus(const xmlNode *domain, struct domain_range *vcpus)
{
    const xmlNode *node = xml_child(domain, "vcpu");
    char current[XML_ATTRIBUTE_BYTES];

    vcpus->maximum = element_number(node, VCPUS_MAX);
    vcpus->current = xml_number(xml_attribute(node, "current", current), VCPUS_MAX);
    if (vcpus->current == 0)
        vcpus->current = vcpus->maximum;
}

/* libvirt converts whatever unit was given to KiB. */
static int64_t
memory_bytes(const xmlNode *node)
{
    char unit[XML_ATTRIBUTE_BYTES];

    if (*xml_attribute(node, "unit", unit) && strcmp(unit, "KiB") != 0)
        return 0;
    return element_number(node, MEMORY_KIB_MAX) * 1024;
}

static void
read_memory(const xmlNode *domain, struct domain_range *bytes)
{
    bytes->maximum = memory_bytes(xml_child(domain, "memory"));
    bytes->current = memory_bytes(xml_child(domain, "currentMemory"));
    if (bytes->current == 0)
        bytes->current = bytes->maximum;
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

    if (added >= sizeof(place->path) - length)
        return SIZE_MAX;
    snprintf(place->path + length, sizeof(place->path) - length, "%s%s", separator,
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
        char *text = xml_text(node);

        domain_facts_add_metadata(place->facts, place->namespace, place->path, text);
        free(text);
    }
    place->path[length] = '\0';
}

static void
read_metadata(const xmlNode *domain, struct domain_facts *facts)
{
    const xmlNode *metadata = xml_child(domain, "metadata");

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
    facts->title = xml_text(xml_child(domain, "title"));
    read_vcpus(domain, &facts->vcpus);
    read_memory(domain, &facts->memory_bytes);
    domain_devices_read(domain, facts);
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
    /* Whoever makes two definitions collide hides a change of his own. */
    domain->facts->digest = hash_bytes(HASH_START, xml, length);
    xmlFreeDoc(document);
    return true;
}
