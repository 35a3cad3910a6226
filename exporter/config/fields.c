/* Values of the file into the fields of a struct, by table. */
#include "config/fields.h"

#include "kit/memory.h"

#include <stdlib.h>

static int
field_read(const struct field *field, const struct tree_node *node, void *base,
           struct tree_problem *problem)
{
    void *target = (char *)base + field->offset;
    int64_t number = 0;
    switch (field->type) {
    case FIELD_BOOL:
        return value_read_bool(node, target, problem);
    case FIELD_DURATION:
        return value_read_duration(node, field->min, field->max, target, problem);
    case FIELD_UNSIGNED:
        if (value_read_integer(node, field->min, field->max, &number, problem) < 0)
            return -1;
        *(unsigned int *)target = (unsigned int)number;
        return 0;
    case FIELD_COUNT:
        if (value_read_integer(node, field->min, field->max, &number, problem) < 0)
            return -1;
        *(size_t *)target = (size_t)number;
        return 0;
    case FIELD_BYTES:
        if (value_read_bytes(node, field->min, field->max, &number, problem) < 0)
            return -1;
        *(size_t *)target = (size_t)number;
        return 0;
    }
    return 0;
}

int
config_fields_read(const struct field *fields, const struct tree_node *map, void *base,
                   struct tree_problem *problem)
{
    for (; fields->key != NULL; fields++) {
        const struct tree_node *node = tree_child(map, fields->key);
        if (node != NULL && field_read(fields, node, base, problem) < 0)
            return -1;
    }
    return 0;
}

void
config_string_set(char **target, const char *value)
{
    free(*target);
    *target = memory_string(value);
}

int
config_checked_read(const struct tree_node *node, const char *(*check)(const char *),
                    const char **out, struct tree_problem *problem)
{
    char quoted[TREE_QUOTE_BYTES];
    if (value_read_string(node, out, problem) < 0)
        return -1;
    const char *wrong = check(*out);
    if (wrong == NULL)
        return 0;
    return tree_fail(problem, node, "\"%s\" %s", tree_quote(*out, quoted), wrong);
}
