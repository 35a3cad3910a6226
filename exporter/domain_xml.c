/* A domain's XML, by libxml2. */
#include "domain_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#define AGENT_CHANNEL "org.qemu.guest_agent.0"
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
opted_out(const xmlNode *domain)
{
    const xmlNode *metadata = child(domain, "metadata");
    const xmlNode *ours = child(metadata, "exporter");

    return ours && ours->ns &&
           strcmp((const char *)ours->ns->href, DOMAIN_XML_NAMESPACE) == 0 &&
           attribute_is(ours, "poll", "no");
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
    xmlFreeDoc(document);
    return true;
}
