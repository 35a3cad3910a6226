/* The devices of a domain's definition.  Pure. */
#ifndef SOURCE_LIBVIRT_DOMAIN_DEVICES_H
#define SOURCE_LIBVIRT_DOMAIN_DEVICES_H

#include "source/domain_facts.h"

#include <libxml/tree.h>

/* Adds the interfaces and disks of a <domain>. */
void domain_devices_read(const xmlNode *domain, struct domain_facts *facts);

#endif
