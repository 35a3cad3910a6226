/* A table of readings, by the guest's key. */
#include "broker/definitions.h"

#include "kit/hash.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct reading {
    char *key;
    uint64_t digest;
    struct domain_xml xml;
    UT_hash_handle hh;
};

struct definitions {
    struct reading *readings;
};

struct definitions *
definitions_new(void)
{
    return memory_new(1, sizeof(struct definitions));
}

static void
forget(struct definitions *definitions, struct reading *reading)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_DEL(definitions->readings, reading);
    domain_facts_unref(reading->xml.facts);
    free(reading->key);
    free(reading);
}

void
definitions_free(struct definitions *definitions)
{
    struct reading *reading, *next;

    HASH_ITER (hh, definitions->readings, reading, next) {
        forget(definitions, reading);
    }
    free(definitions);
}

static struct reading *
find(const struct definitions *definitions, const char *key)
{
    struct reading *reading;

    HASH_FIND_STR(definitions->readings, key, reading);
    return reading;
}

static struct reading *
find_or_add(struct definitions *definitions, const char *key)
{
    struct reading *reading = find(definitions, key);

    if (reading)
        return reading;
    reading = memory_new(1, sizeof(*reading));
    reading->key = memory_string(key);
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_ADD_KEYPTR(hh, definitions->readings, reading->key, strlen(reading->key),
                    reading);
    return reading;
}

const struct domain_xml *
definitions_read(struct definitions *definitions, const char *key, const char *xml)
{
    struct reading *reading = find_or_add(definitions, key);
    uint64_t digest = hash_bytes(HASH_START, xml, strlen(xml));

    if (reading->xml.facts && reading->digest == digest)
        return &reading->xml;
    domain_facts_unref(reading->xml.facts);
    reading->xml = (struct domain_xml){.facts = NULL};
    reading->digest = digest;
    if (domain_xml_parse(xml, &reading->xml))
        return &reading->xml;
    forget(definitions, reading);
    return NULL;
}

void
definitions_forget(struct definitions *definitions, const char *key)
{
    struct reading *reading = find(definitions, key);

    if (reading)
        forget(definitions, reading);
}
