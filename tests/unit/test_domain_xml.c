/* What a domain's XML says of its agent.
 * links: exporter/domain_xml */
#include "domain_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AGENT(state)                                                                   \
    "<channel type='unix'><source mode='bind'/>"                                       \
    "<target type='virtio' name='org.qemu.guest_agent.0'" state "/></channel>"

static struct domain_xml
parsed(const char *xml)
{
    struct domain_xml domain = {0};

    assert_true(domain_xml_parse(xml, &domain));
    return domain;
}

static void
test_channel(void **state)
{
    (void)state;
    assert_int_equal(parsed("<domain/>").channel, CHANNEL_ABSENT);
    assert_int_equal(parsed("<domain><devices><disk/></devices></domain>").channel,
                     CHANNEL_ABSENT);
    assert_int_equal(parsed("<domain><devices><channel type='unix'>"
                            "<target type='virtio' name='org.other.0' "
                            "state='connected'/></channel></devices></domain>")
                         .channel,
                     CHANNEL_ABSENT);
    assert_int_equal(
        parsed("<domain><devices>" AGENT(" state='connected'") "</devices></domain>")
            .channel,
        CHANNEL_CONNECTED);
    assert_int_equal(
        parsed("<domain><devices>" AGENT(" state='disconnected'") "</devices></domain>")
            .channel,
        CHANNEL_DISCONNECTED);
    /* Nobody says: ask, and see. */
    assert_int_equal(
        parsed("<domain><devices>" AGENT("") "</devices></domain>").channel,
        CHANNEL_CONNECTED);
}

static void
test_opt_out(void **state)
{
    (void)state;
    assert_true(parsed("<domain><metadata><q:exporter xmlns:q='" DOMAIN_XML_NAMESPACE
                       "' poll='no'/></metadata></domain>")
                    .opted_out);
    assert_false(parsed("<domain><metadata><q:exporter xmlns:q='" DOMAIN_XML_NAMESPACE
                        "' poll='yes'/></metadata></domain>")
                     .opted_out);
    assert_false(parsed("<domain><metadata><q:exporter xmlns:q='other' "
                        "poll='no'/></metadata></domain>")
                     .opted_out);
    assert_false(parsed("<domain><metadata><exporter poll='no'/></metadata></domain>")
                     .opted_out);
}

#define LIBOSINFO "http://libosinfo.org/xmlns/libvirt/domain/1.0"

static const char *
os_of(const char *namespace, const char *id)
{
    static struct domain_xml domain;
    char xml[512];

    snprintf(xml, sizeof xml,
             "<domain><metadata><l:libosinfo xmlns:l='%s'><l:os id='%s'/>"
             "</l:libosinfo></metadata></domain>",
             namespace, id);
    domain = parsed(xml);
    return domain.os;
}

static void
test_operating_system(void **state)
{
    (void)state;
    assert_string_equal(os_of(LIBOSINFO, "http://debian.org/debian/12"), "debian");
    assert_string_equal(os_of(LIBOSINFO, "http://ubuntu.com/ubuntu/22.04"), "ubuntu");
    assert_string_equal(os_of(LIBOSINFO, "http://redhat.com/rhel/9.3"), "rhel");
    assert_string_equal(os_of(LIBOSINFO, "http://centos.org/centos-stream/9"),
                        "centos");
    assert_string_equal(os_of(LIBOSINFO, "http://alpinelinux.org/alpinelinux/3.18"),
                        "alpine");
    assert_string_equal(os_of(LIBOSINFO, "http://microsoft.com/win/2k22"), "mswindows");
    assert_string_equal(os_of(LIBOSINFO, "http://example.org/own"), "own");
    assert_string_equal(parsed("<domain/>").os, "");
    assert_string_equal(parsed("<domain><metadata><l:libosinfo xmlns:l='" LIBOSINFO
                               "'/></metadata></domain>")
                            .os,
                        "");
    /* Anyone may have written it. */
    assert_string_equal(os_of("other", "http://debian.org/debian/12"), "");
    assert_string_equal(os_of(LIBOSINFO, ""), "");
    assert_string_equal(os_of(LIBOSINFO, "debian"), "");
    assert_string_equal(os_of(LIBOSINFO, "http://debian.org"), "");
    assert_string_equal(os_of(LIBOSINFO, "http://debian.org/"), "");
    assert_string_equal(os_of(LIBOSINFO, "http://debian.org/$(reboot)/12"), "");
    assert_string_equal(
        os_of(LIBOSINFO, "http://debian.org/a-name-that-is-far-too-long-to-be-kept/1"),
        "");
}

static void
test_what_is_not_xml(void **state)
{
    struct domain_xml domain;

    (void)state;
    assert_false(domain_xml_parse("", &domain));
    assert_false(domain_xml_parse("no xml", &domain));
    assert_false(domain_xml_parse("<domain>", &domain));
    /* Entities that would grow are not expanded without end. */
    assert_false(domain_xml_parse(
        "<!DOCTYPE d [<!ENTITY a '&b;&b;'><!ENTITY b '&a;&a;'>]><d>&a;</d>", &domain));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_opt_out),
        cmocka_unit_test(test_operating_system),
        cmocka_unit_test(test_what_is_not_xml),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
