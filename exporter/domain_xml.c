/* A domain's XML, by libxml2. */
#include "domain_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

#define AGENT_CHANNEL "org.qemu.guest_agent.0"
/* What virt-manager and virt-install leave in <metadata>. */
#define LIBOSINFO_NAMESPACE "http://libosinfo.org/xmlns/libvirt/domain/1.0"
#define XML_BYTES_MAX (8 * 1024 * 1024)

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

    const xmlNode *root = xmlDocGetRootElement(document);

    domain->channel = channel_state(root);
    domain->opted_out = opted_out(root);
    made_for(root, domain->os);
    xmlFreeDoc(document);
    return true;
}
