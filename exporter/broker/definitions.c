/* A table of readings, by the guest's key. */
#include "broker/definitions.h"

#include "kit/hash.h"
#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct definition {
    char *key;
    struct domain_xml xml;
    UT_hash_handle hh;
};

static void
forget(struct definition **definitions, struct definition *definition)
{
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_DEL(*definitions, definition);
    domain_facts_unref(definition->xml.facts);
    free(definition->key);
    free(definition);
}

void
definitions_forget(struct definition **definitions, const char *key)
{
    struct definition *definition;

    HASH_FIND_STR(*definitions, key, definition);
    if (definition)
        forget(definitions, definition);
}

void
definitions_forget_all(struct definition **definitions)
{
    struct definition *definition, *next;

    HASH_ITER (hh, *definitions, definition, next) {
        forget(definitions, definition);
    }
}

const struct domain_xml *
definitions_read(struct definition **definitions, const char *key, const char *xml)
{
    struct definition *definition;
    struct domain_xml read;

    HASH_FIND_STR(*definitions, key, definition);
    if (definition &&
        definition->xml.facts->digest == hash_bytes(HASH_START, xml, strlen(xml)))
        return &definition->xml;
    if (definition)
        forget(definitions, definition);
    if (!domain_xml_parse(xml, &read))
        return NULL;
    definition = memory_new(1, sizeof(*definition));
    definition->key = memory_string(key);
    definition->xml = read;
    /* NOLINTNEXTLINE(clang-analyzer-*): it cannot follow uthash's table */
    HASH_ADD_KEYPTR(hh, *definitions, definition->key, strlen(definition->key),
                    definition);
    return &definition->xml;
}
