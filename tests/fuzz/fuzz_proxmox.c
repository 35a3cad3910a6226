/* A QEMU's command line, and behind a 0x1E the configuration of its guest. */
#include "fuzz.h"
#include "kit/failure.h"
#include "source/proxmox/configuration.h"
#include "source/qemu/command.h"

#include <string.h>

#define BETWEEN 0x1e

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
    text_is_kept(facts->tags);
    text_is_kept(facts->ostype);
    REQUIRE(facts->vcpus.current >= 0 && facts->vcpus.maximum >= 0);
    REQUIRE(facts->memory_bytes.current >= 0 && facts->memory_bytes.maximum >= 0);
    REQUIRE(host->nics_count <= DOMAIN_DEVICES_MAX);
    REQUIRE(host->disks_count <= DOMAIN_DEVICES_MAX);
    for (size_t i = 0; i < host->nics_count; i++)
        text_is_kept(host->nics[i].target);
    for (size_t i = 0; i < host->disks_count; i++) {
        const struct host_disk *disk = &host->disks[i];

        text_is_kept(disk->source);
        text_is_kept(disk->place.pci_address);
        (void)host_facts_disk(host, disk->serial, &disk->place);
    }
}

static void
configure(const char *bytes, size_t length, const struct domain_facts *process)
{
    struct proxmox_configuration found;
    struct failure why;

    (void)proxmox_configuration_is_enough(bytes, length);
    if (proxmox_configuration_parse("100", bytes, length, process, &found, &why) < 0) {
        REQUIRE(!found.facts && *why.text);
        return;
    }
    REQUIRE(strlen(found.name) < sizeof(found.name));
    REQUIRE(strlen(found.uuid) < sizeof(found.uuid));
    facts_are_within_limits(found.facts);
    domain_facts_unref(found.facts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *behind = size > 0 ? memchr(bytes, BETWEEN, size) : NULL;
    size_t length = behind ? (size_t)(behind - bytes) : size;
    struct qemu_command command = {.facts = NULL};

    if (qemu_command_parse(bytes, length, &command)) {
        REQUIRE(strlen(command.uuid) < sizeof(command.uuid));
        facts_are_within_limits(command.facts);
    }
    if (behind)
        configure(behind + 1, size - length - 1, command.facts);
    domain_facts_unref(command.facts);
    return 0;
}
