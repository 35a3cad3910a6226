/* What a domain's definition, or its QEMU, says, besides what the sources need of it
 * (source/libvirt/domain_xml.h): immutable and reference-counted; made on a lane, read
 * by the loop thread. */
#ifndef SOURCE_DOMAIN_FACTS_H
#define SOURCE_DOMAIN_FACTS_H

#include "kit/host_facts.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer text is cut, further devices and metadata are left out. */
#define DOMAIN_TEXT_BYTES_MAX 256
#define DOMAIN_DEVICES_MAX 256
#define DOMAIN_METADATA_MAX 128
#define DOMAIN_METADATA_DEPTH_MAX 8
#define DOMAIN_PATH_BYTES_MAX 128

/* A leaf or an attribute in <metadata>. */
struct domain_metadata {
    char *namespace; /* of the element right below <metadata> */
    char *path;      /* from that element on, local names: "instance/flavor@name" */
    char *value;
};

struct domain_range {
    int64_t current, maximum; /* 0: the definition does not say */
};

struct domain_facts {
    atomic_uint references;
    uint64_t digest; /* of what they were read from: the same means the same facts */
    char *title;     /* "" if it has none */
    char *tags, *ostype; /* Proxmox VE's: "a;b", "l26"; "" elsewhere */
    struct domain_range vcpus, memory_bytes;
    bool lacks_balloon;     /* its definition says that it has none */
    struct host_facts host; /* arrays and strings are owned */
    struct domain_metadata *metadata;
    size_t metadata_count;
};

struct domain_facts *domain_facts_new(void); /* empty, one reference */
struct domain_facts *domain_facts_ref(struct domain_facts *facts);
void domain_facts_unref(struct domain_facts *facts); /* NULL is fine */

/* While they are made, by their only owner.  Text is copied and cut. */
char *domain_facts_text(const char *text); /* a copy, cut between two characters */
void domain_facts_add_nic(struct domain_facts *facts, const struct host_nic *nic);
void domain_facts_add_disk(struct domain_facts *facts, const struct host_disk *disk);
/* The first of several with one path counts. */
void domain_facts_add_metadata(struct domain_facts *facts, const char *namespace,
                               const char *path, const char *value);

/* Another text that says the same counts as different: it is only read once more. */
bool domain_facts_are_same(const struct domain_facts *a, const struct domain_facts *b);
/* NULL reads as facts that say nothing. */
const char *domain_facts_title(const struct domain_facts *facts);
const char *domain_facts_tags(const struct domain_facts *facts);
const char *domain_facts_ostype(const struct domain_facts *facts);
/* "" if the metadata do not have it. */
const char *domain_facts_metadata(const struct domain_facts *facts,
                                  const char *namespace, const char *path);
/* Likewise OpenStack Nova's, whatever the version of its namespace. */
const char *domain_facts_nova(const struct domain_facts *facts, const char *path);

#endif
