/* What a domain's XML says of its agent. */
#include "base/text.h"
#include "source/libvirt/domain_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define AGENT(state)                                                                   \
    "<channel type='unix'><source mode='bind'/>"                                       \
    "<target type='virtio' name='org.qemu.guest_agent.0'" state "/></channel>"

static struct domain_facts *
facts_of(const char *xml)
{
    struct domain_xml domain = {0};

    assert_true(domain_xml_parse(xml, &domain));
    assert_non_null(domain.facts);
    return domain.facts;
}

/* Without the facts. */
static struct domain_xml
parsed(const char *xml)
{
    struct domain_xml domain = {0};

    assert_true(domain_xml_parse(xml, &domain));
    domain_facts_unref(domain.facts);
    domain.facts = NULL;
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
    /* What libvirt does not take for an agent's. */
    static const char *const others[] = {
        "<channel type='pty'><source path='/dev/pts/0'/><target type='virtio' "
        "name='org.qemu.guest_agent.0' state='connected'/></channel>",
        "<channel type='tcp'><target type='virtio' name='org.qemu.guest_agent.0'/>"
        "</channel>",
        "<channel><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char xml[512];

        (void)snprintf(xml, sizeof(xml), "<domain><devices>%s</devices></domain>",
                       others[i]);
        assert_int_equal(parsed(xml).channel, CHANNEL_UNUSABLE);
        (void)snprintf(xml, sizeof(xml),
                       "<domain><devices>%s" AGENT("") "</devices></domain>",
                       others[i]);
        assert_int_equal(parsed(xml).channel, CHANNEL_CONNECTED);
    }
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
    /* Another's element of that name stands before it. */
    assert_true(
        parsed("<domain><metadata><o:exporter xmlns:o='http://other/1' "
               "poll='yes'/><exporter/><q:exporter xmlns:q='" DOMAIN_XML_NAMESPACE
               "' poll='no'/></metadata></domain>")
            .opted_out);
}

#define LIBOSINFO "http://libosinfo.org/xmlns/libvirt/domain/1.0"

static const char *
os_of(const char *namespace, const char *id)
{
    static struct domain_xml domain;
    char xml[512];

    snprintf(xml, sizeof(xml),
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
    assert_string_equal(
        parsed("<domain><metadata><o:libosinfo xmlns:o='http://other/1'/>"
               "<l:libosinfo xmlns:l='" LIBOSINFO
               "'><l:os id='http://debian.org/debian/12'/></l:libosinfo>"
               "</metadata></domain>")
            .os,
        "debian");
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
    assert_false(domain_xml_parse("<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>", &domain));
}

#define NOVA "http://openstack.org/xmlns/libvirt/nova/1.1"

static const char openstack[] =
    "<domain type='kvm' id='7'><name>instance-00000007</name>"
    "<title> The \xc3\xbc web\n server </title>"
    "<metadata><nova:instance xmlns:nova='" NOVA "'><nova:name>web-1</nova:name>"
    "<nova:flavor name='m1.small'><nova:memory>2048</nova:memory></nova:flavor>"
    "<nova:owner><nova:user uuid='u-1'>admin</nova:user>"
    "<nova:project uuid='p-1'>shop</nova:project></nova:owner></nova:instance>"
    "<b:account xmlns:b='https://example.com/billing/1' tier='gold'>"
    "<b:customer>acme</b:customer><b:customer>second</b:customer></b:account>"
    "</metadata><memory unit='KiB'>2097152</memory>"
    "<currentMemory unit='KiB'>1048576</currentMemory>"
    "<vcpu placement='static' current='2'>4</vcpu><devices>"
    "<disk><target dev='vda'/></disk><interface/></devices></domain>";

static void
test_what_the_domain_is_given(void **state)
{
    struct domain_facts *facts = facts_of(openstack), *again = facts_of(openstack),
                        *none = facts_of("<domain/>");

    (void)state;
    assert_string_equal(facts->title, "The \xc3\xbc web\n server");
    assert_int_equal(facts->vcpus.current, 2);
    assert_int_equal(facts->vcpus.maximum, 4);
    assert_true(facts->memory_bytes.current == INT64_C(1073741824));
    assert_true(facts->memory_bytes.maximum == INT64_C(2147483648));
    assert_int_equal(facts->host.disks_count, 1);
    assert_int_equal(facts->host.nics_count, 1);
    assert_string_equal(none->title, "");
    assert_int_equal(none->vcpus.maximum, 0);
    assert_true(none->memory_bytes.maximum == 0);
    assert_int_equal(none->host.disks_count + none->host.nics_count, 0);
    assert_true(domain_facts_are_same(facts, again));
    assert_false(domain_facts_are_same(facts, none));
    domain_facts_unref(facts);
    domain_facts_unref(again);
    domain_facts_unref(none);
}

static void
test_numbers_that_are_none(void **state)
{
    static const char *const bad[] = {
        "<domain><vcpu>0</vcpu><memory>-1</memory></domain>",
        "<domain><vcpu>x</vcpu><memory>1x</memory></domain>",
        "<domain><vcpu>99999999999999999999</vcpu><memory>1.5</memory></domain>",
        "<domain><vcpu/><memory unit='MiB'>7</memory></domain>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct domain_facts *facts = facts_of(bad[i]);

        assert_int_equal(facts->vcpus.maximum + facts->vcpus.current, 0);
        assert_true(facts->memory_bytes.maximum + facts->memory_bytes.current == 0);
        domain_facts_unref(facts);
    }
}

static void
test_metadata(void **state)
{
    struct domain_facts *facts = facts_of(openstack);
    const char *billing = "https://example.com/billing/1";

    (void)state;
    assert_string_equal(domain_facts_nova(facts, "instance/name"), "web-1");
    assert_string_equal(domain_facts_nova(facts, "instance/flavor@name"), "m1.small");
    assert_string_equal(domain_facts_nova(facts, "instance/owner/project"), "shop");
    assert_string_equal(domain_facts_nova(facts, "instance/owner/project@uuid"), "p-1");
    assert_string_equal(domain_facts_nova(facts, "instance/owner/user"), "admin");
    assert_string_equal(domain_facts_nova(facts, "instance"), "");
    assert_string_equal(domain_facts_metadata(facts, billing, "account@tier"), "gold");
    assert_string_equal(domain_facts_metadata(facts, billing, "account/customer"),
                        "acme");
    assert_string_equal(domain_facts_metadata(facts, "other", "account/customer"), "");
    assert_string_equal(domain_facts_metadata(NULL, billing, "account/customer"), "");
    domain_facts_unref(facts);
    facts =
        facts_of("<domain><metadata><n:instance xmlns:n='http://openstack.org/xmlns/"
                 "libvirt/nova/1.0'><n:name>old</n:name></n:instance>"
                 "<instance><name>nobody's</name></instance></metadata></domain>");
    assert_string_equal(domain_facts_nova(facts, "instance/name"), "old");
    domain_facts_unref(facts);
}

/* Anyone may have written it. */
static void
test_metadata_are_limited_in_number(void **state)
{
    struct text xml = TEXT_INIT(1 << 20);

    (void)state;
    text_add_string(&xml, "<domain><metadata><a xmlns='n'>");
    for (int i = 0; i < 5000; i++)
        text_add_format(&xml, "<b%d x='1'>%d</b%d>", i, i, i);
    text_add_string(&xml, "</a></metadata></domain>");
    struct domain_facts *facts = facts_of(xml.bytes);

    assert_int_equal(facts->metadata_count, DOMAIN_METADATA_MAX);
    domain_facts_unref(facts);
    text_free(&xml);
}

static void
test_metadata_are_limited_in_depth_and_length(void **state)
{
    struct text xml = TEXT_INIT(1 << 20);

    (void)state;
    text_add_string(&xml, "<domain><metadata><a xmlns='n'>");
    for (int i = 0; i < 100; i++)
        text_add_string(&xml, "<b>");
    text_add_string(&xml, "deep");
    for (int i = 0; i < 100; i++)
        text_add_string(&xml, "</b>");
    text_add_string(&xml, "<long>");
    for (int i = 0; i < 200; i++)
        text_add_string(&xml, "x\xc3\xbc");
    text_add_string(&xml, "</long></a></metadata></domain>");
    struct domain_facts *facts = facts_of(xml.bytes);

    assert_int_equal(facts->metadata_count, 1);
    assert_string_equal(facts->metadata[0].path, "a/long");
    /* Three bytes a pair; the limit falls behind an x. */
    assert_int_equal(strlen(facts->metadata[0].value), DOMAIN_TEXT_BYTES_MAX);
    domain_facts_unref(facts);
    text_free(&xml);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_opt_out),
        cmocka_unit_test(test_operating_system),
        cmocka_unit_test(test_what_is_not_xml),
        cmocka_unit_test(test_what_the_domain_is_given),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_metadata_are_limited_in_number),
        cmocka_unit_test(test_metadata_are_limited_in_depth_and_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
