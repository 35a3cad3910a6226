/* What the exporter needs of a domain's XML (virDomainGetXMLDesc).  Pure.  The XML
 * comes from the host's daemon, but parts of it (metadata) were written by others. */
#ifndef SOURCE_LIBVIRT_DOMAIN_XML_H
#define SOURCE_LIBVIRT_DOMAIN_XML_H

#include "source/domain_facts.h"
#include "source/source.h"

#include <stdbool.h>

/* The namespace of our element in <metadata>: <qga:exporter xmlns:qga="..."
 * poll="no"/>. */
#define DOMAIN_XML_NAMESPACE "https://github.com/qga-exporter/metadata/1"

#define DOMAIN_XML_OS_BYTES 32

struct domain_xml {
    /* <channel><target type="virtio" name="org.qemu.guest_agent.0" state="connected"/>
     */
    enum channel_state channel;
    bool opted_out;
    /* The operating system that the domain was made for, as libosinfo's metadata say,
     * by the name that os-release has for it ("debian"); "": they do not say. */
    char os[DOMAIN_XML_OS_BYTES];
    struct domain_facts *facts; /* a reference, the caller's */
};

/* false: it is not XML, over 8 MiB, or has a DTD. */
bool domain_xml_parse(const char *xml, struct domain_xml *domain);

#endif
