/* A domain's XML, whose metadata anyone may have written. */
#include "fuzz.h"
#include "source/libvirt/domain_xml.h"

#include <string.h>

/* It ends up in commands that a person may copy. */
#define OS_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

static void
text_is_kept(const char *text)
{
    REQUIRE(text && strlen(text) <= DOMAIN_TEXT_BYTES_MAX);
}

static void
facts_are_within_limits(const struct domain_facts *facts)
{
    const struct host_facts *host = &facts->host;

    text_is_kept(facts->title);
    REQUIRE(facts->vcpus.current >= 0 && facts->vcpus.maximum >= 0);
    REQUIRE(facts->memory_bytes.current >= 0 && facts->memory_bytes.maximum >= 0);
    REQUIRE(host->nics_count <= DOMAIN_DEVICES_MAX);
    REQUIRE(host->disks_count <= DOMAIN_DEVICES_MAX);
    REQUIRE(facts->metadata_count <= DOMAIN_METADATA_MAX);
    for (size_t i = 0; i < host->nics_count; i++) {
        text_is_kept(host->nics[i].target);
        (void)host_facts_nic(host, host->nics[i].mac);
    }
    for (size_t i = 0; i < host->disks_count; i++) {
        text_is_kept(host->disks[i].source);
        (void)host_facts_disk(host, host->disks[i].serial, &host->disks[i].place);
    }
    for (size_t i = 0; i < facts->metadata_count; i++) {
        const struct domain_metadata *one = &facts->metadata[i];

        text_is_kept(one->value);
        REQUIRE(strlen(one->path) < DOMAIN_PATH_BYTES_MAX);
        REQUIRE(domain_facts_metadata(facts, one->namespace, one->path) == one->value);
    }
    (void)domain_facts_nova(facts, "instance/name");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct domain_xml domain = {.channel = CHANNEL_ABSENT};
    char *xml = malloc(size + 1);

    REQUIRE(xml);
    memcpy(xml, data, size);
    xml[size] = '\0';
    if (domain_xml_parse(xml, &domain)) {
        REQUIRE(domain.channel == CHANNEL_ABSENT ||
                domain.channel == CHANNEL_UNUSABLE ||
                domain.channel == CHANNEL_DISCONNECTED ||
                domain.channel == CHANNEL_CONNECTED);
        REQUIRE(domain.os[strspn(domain.os, OS_LETTERS)] == '\0');
        facts_are_within_limits(domain.facts);
        REQUIRE(domain_facts_are_same(domain.facts, domain.facts));
        domain_facts_unref(domain.facts);
    }
    free(xml);
    return 0;
}
