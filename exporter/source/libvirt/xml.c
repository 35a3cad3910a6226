/* Nodes of libxml2. */
#include "source/libvirt/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
xml_is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE &&
           strcmp((const char *)node->name, name) == 0;
}

const xmlNode *
xml_child(const xmlNode *parent, const char *name)
{
    for (const xmlNode *node = parent ? parent->children : NULL; node;
         node = node->next) {
        if (xml_is(node, name))
            return node;
    }
    return NULL;
}

const char *
xml_attribute(const xmlNode *node, const char *name, char buffer[XML_ATTRIBUTE_BYTES])
{
    xmlChar *found = node ? xmlGetProp(node, (const xmlChar *)name) : NULL;

    snprintf(buffer, XML_ATTRIBUTE_BYTES, "%s", found ? (const char *)found : "");
    xmlFree(found);
    return buffer;
}

bool
xml_attribute_is(const xmlNode *node, const char *name, const char *value)
{
    char found[XML_ATTRIBUTE_BYTES];

    return strcmp(xml_attribute(node, name, found), value) == 0;
}

char *
xml_text(const xmlNode *node)
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

int64_t
xml_number(const char *text, int64_t max)
{
    char *end;
    long long number = strtoll(text, &end, 10);

    return *text && !*end && number > 0 && number <= max ? number : 0;
}
