/* A domain's definition as plain values. */
#include "source/domain_facts.h"

#include "kit/memory.h"
#include "kit/utf8.h"

#include <stdlib.h>
#include <string.h>

struct domain_facts *
domain_facts_new(void)
{
    struct domain_facts *facts = memory_new(1, sizeof(*facts));

    atomic_init(&facts->references, 1);
    facts->title = memory_string("");
    facts->tags = memory_string("");
    facts->ostype = memory_string("");
    return facts;
}

struct domain_facts *
domain_facts_ref(struct domain_facts *facts)
{
    if (facts)
        atomic_fetch_add(&facts->references, 1);
    return facts;
}

/* The strings are ours, const only for those who read. */
static void
drop(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void
free_host(const struct host_facts *host)
{
    for (size_t i = 0; i < host->nics_count; i++) {
        drop(host->nics[i].mac);
        drop(host->nics[i].target);
        drop(host->nics[i].network);
        drop(host->nics[i].model);
    }
    for (size_t i = 0; i < host->disks_count; i++) {
        drop(host->disks[i].target);
        drop(host->disks[i].alias);
        drop(host->disks[i].source);
        drop(host->disks[i].serial);
        drop(host->disks[i].place.pci_address);
    }
    free((void *)(uintptr_t)host->nics);
    free((void *)(uintptr_t)host->disks);
}

void
domain_facts_unref(struct domain_facts *facts)
{
    if (!facts || atomic_fetch_sub(&facts->references, 1) != 1)
        return;
    for (size_t i = 0; i < facts->metadata_count; i++) {
        free(facts->metadata[i].namespace);
        free(facts->metadata[i].path);
        free(facts->metadata[i].value);
    }
    free(facts->metadata);
    free_host(&facts->host);
    free(facts->title);
    free(facts->tags);
    free(facts->ostype);
    free(facts);
}

char *
domain_facts_text(const char *text)
{
    size_t length = utf8_cut(text, DOMAIN_TEXT_BYTES_MAX);
    char *copy = memory_new(length + 1, 1);

    memcpy(copy, text, length);
    return copy;
}

void
domain_facts_add_nic(struct domain_facts *facts, const struct host_nic *nic)
{
    struct host_facts *host = &facts->host;
    struct host_nic *nics = (struct host_nic *)(uintptr_t)host->nics;

    if (host->nics_count == DOMAIN_DEVICES_MAX)
        return;
    nics = memory_resize(nics, host->nics_count + 1, sizeof(*nics));
    nics[host->nics_count++] = (struct host_nic){
        .mac = domain_facts_text(nic->mac),
        .target = domain_facts_text(nic->target),
        .network = domain_facts_text(nic->network),
        .model = domain_facts_text(nic->model),
    };
    host->nics = nics;
}

void
domain_facts_add_disk(struct domain_facts *facts, const struct host_disk *disk)
{
    struct host_facts *host = &facts->host;
    struct host_disk *disks = (struct host_disk *)(uintptr_t)host->disks;

    if (host->disks_count == DOMAIN_DEVICES_MAX)
        return;
    disks = memory_resize(disks, host->disks_count + 1, sizeof(*disks));
    disks[host->disks_count++] = (struct host_disk){
        .target = domain_facts_text(disk->target),
        .alias = domain_facts_text(disk->alias ? disk->alias : ""),
        .source = domain_facts_text(disk->source),
        .serial = domain_facts_text(disk->serial),
        .place = disk->place,
        .shares_place = disk->shares_place,
    };
    disks[host->disks_count - 1].place.pci_address =
        domain_facts_text(disk->place.pci_address);
    host->disks = disks;
}

static const struct domain_metadata *
find_metadata(const struct domain_facts *facts, const char *namespace, const char *path)
{
    for (size_t i = 0; facts && i < facts->metadata_count; i++) {
        const struct domain_metadata *one = &facts->metadata[i];

        if (strcmp(one->path, path) == 0 && strcmp(one->namespace, namespace) == 0)
            return one;
    }
    return NULL;
}

void
domain_facts_add_metadata(struct domain_facts *facts, const char *namespace,
                          const char *path, const char *value)
{
    if (facts->metadata_count == DOMAIN_METADATA_MAX || !*value ||
        strlen(namespace) > DOMAIN_TEXT_BYTES_MAX ||
        find_metadata(facts, namespace, path))
        return;
    facts->metadata = memory_resize(facts->metadata, facts->metadata_count + 1,
                                    sizeof(*facts->metadata));
    facts->metadata[facts->metadata_count++] = (struct domain_metadata){
        .namespace = memory_string(namespace),
        .path = memory_string(path),
        .value = domain_facts_text(value),
    };
}

bool
domain_facts_are_same(const struct domain_facts *a, const struct domain_facts *b)
{
    return a && b ? a->digest == b->digest : a == b;
}

const char *
domain_facts_title(const struct domain_facts *facts)
{
    return facts ? facts->title : "";
}

const char *
domain_facts_tags(const struct domain_facts *facts)
{
    return facts ? facts->tags : "";
}

const char *
domain_facts_ostype(const struct domain_facts *facts)
{
    return facts ? facts->ostype : "";
}

const char *
domain_facts_metadata(const struct domain_facts *facts, const char *namespace,
                      const char *path)
{
    const struct domain_metadata *found = find_metadata(facts, namespace, path);

    return found ? found->value : "";
}

const char *
domain_facts_nova(const struct domain_facts *facts, const char *path)
{
    static const char *const namespaces[] = {
        "http://openstack.org/xmlns/libvirt/nova/1.1",
        "http://openstack.org/xmlns/libvirt/nova/1.0",
    };

    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
        const char *value = domain_facts_metadata(facts, namespaces[i], path);

        if (*value)
            return value;
    }
    return "";
}
