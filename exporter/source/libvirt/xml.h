/* Reading nodes of a parsed document.  A node may be NULL, and reads as an empty one.
 */
#ifndef SOURCE_LIBVIRT_XML_H
#define SOURCE_LIBVIRT_XML_H

#include "source/domain_facts.h"

#include <libxml/tree.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a buffer for one attribute, NUL included: more than domain_facts_text() keeps, so
 * that the cut is made there, at the end of a character. */
#define XML_ATTRIBUTE_BYTES ((size_t)4 * DOMAIN_TEXT_BYTES_MAX)

bool xml_is(const xmlNode *node, const char *name); /* an element; not of NULL */
/* The first of this name, or NULL. */
const xmlNode *xml_child(const xmlNode *parent, const char *name);
bool xml_attribute_is(const xmlNode *node, const char *name, const char *value);
/* The value in `buffer`, cut; "" if it is not there. */
const char *xml_attribute(const xmlNode *node, const char *name,
                          char buffer[XML_ATTRIBUTE_BYTES]);
/* The text of an element, cut, without the blanks around it; caller frees. */
char *xml_text(const xmlNode *node);
/* 0: not a number from 1 to `max`. */
int64_t xml_number(const char *text, int64_t max);

#endif
