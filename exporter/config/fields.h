/* Values of the file into the fields of a struct, by table. */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include "yaml/value.h"

#include <stddef.h>
#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_HOUR (3600 * NS_PER_S)

/* A key whose value is one number in a struct. */
struct field {
    const char *key;
    enum { FIELD_BOOL, FIELD_UNSIGNED, FIELD_COUNT, FIELD_BYTES, FIELD_DURATION } type;
    size_t offset; /* of bool, unsigned int, size_t, size_t, int64_t nanoseconds */
    int64_t min, max;
};

/* Reads those of the fields that the map has; the rest keeps its default.  `fields`
 * ends with a NULL key. */
int config_fields_read(const struct field *fields, const struct tree_node *map,
                       void *base, struct tree_problem *problem);
/* A string that passes `check` (see config/check.h), borrowed from the tree. */
int config_checked_read(const struct tree_node *node,
                        const char *(*check)(const char *), const char **out,
                        struct tree_problem *problem);
/* Replaces an allocated string by a copy of `value`. */
void config_string_set(char **target, const char *value);

#endif
