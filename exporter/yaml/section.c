/* Tables of keys. */
#include "yaml/section.h"

#include "kit/memory.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

void
section_set_text(char **target, const char *value)
{
    free(*target);
    *target = memory_string(value);
}

int
section_text(const struct tree_node *node, const char *(*check)(const char *text),
             const char **out, struct failure *why)
{
    char quoted[TREE_QUOTE_BYTES];

    if (value_read_string(node, out, why) < 0)
        return -1;
    const char *wrong = check(*out);

    if (!wrong)
        return 0;
    return tree_fail(why, node, "\"%s\" %s", tree_quote(*out, quoted), wrong);
}

static int
text_read(const struct section_key *key, const struct tree_node *node, void *value,
          struct failure *why)
{
    const char *text;
    unsigned int index = 0;

    if (section_text(node, key->check, &text, why) < 0)
        return -1;
    if (key->type == SECTION_TEXT) {
        section_set_text(value, text);
        return 0;
    }
    while (strcmp(key->choices[index], text) != 0)
        index++;
    *(unsigned int *)value = index;
    return 0;
}

static int
scalar_read(const struct section_key *key, const struct tree_node *node, void *value,
            struct failure *why)
{
    int64_t number = 0;

    switch (key->type) {
    case SECTION_MAP:
        return 0;
    case SECTION_BOOL:
        return value_read_bool(node, value, why);
    case SECTION_DURATION:
        return value_read_duration(node, key->min, key->max, value, why);
    case SECTION_INTEGER:
        return value_read_integer(node, key->min, key->max, value, why);
    case SECTION_UNSIGNED:
        if (value_read_integer(node, key->min, key->max, &number, why) < 0)
            return -1;
        *(unsigned int *)value = (unsigned int)number;
        return 0;
    case SECTION_COUNT:
        if (value_read_integer(node, key->min, key->max, &number, why) < 0)
            return -1;
        *(size_t *)value = (size_t)number;
        return 0;
    case SECTION_BYTES:
        if (value_read_bytes(node, key->min, key->max, &number, why) < 0)
            return -1;
        *(size_t *)value = (size_t)number;
        return 0;
    case SECTION_TEXT:
    case SECTION_CHOICE:
        return text_read(key, node, value, why);
    }
    return 0;
}

size_t
section_names(const struct section_key *keys, const char **names)
{
    size_t count = 0;

    for (; keys[count].key; count++)
        names[count] = keys[count].key;
    return count;
}

static int
key_read(const struct section_key *key, const struct tree_node *node, void *section,
         struct failure *why)
{
    void *value = (char *)section + key->offset;

    if (key->keys && section_read(key->keys, node, value, why) < 0)
        return -1;
    if (key->read)
        return key->read(node, value, why);
    return node ? scalar_read(key, node, value, why) : 0;
}

int
section_value(const struct section_key *keys, const char *key,
              const struct tree_node *node, void *section, struct failure *why)
{
    while (strcmp(keys->key, key) != 0)
        keys++;
    return key_read(keys, node, section, why);
}

int
section_values(const struct section_key *keys, const struct tree_node *map,
               void *section, struct failure *why)
{
    for (; keys->key; keys++)
        if (key_read(keys, tree_child(map, keys->key), section, why) < 0)
            return -1;
    return 0;
}

int
section_read(const struct section_key *keys, const struct tree_node *map, void *section,
             struct failure *why)
{
    const char *names[SECTION_KEYS_MAX + 1] = {NULL};

    (void)section_names(keys, names);
    if (tree_check_keys(map, names, why) < 0)
        return -1;
    return section_values(keys, map, section, why);
}
