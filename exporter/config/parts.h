/* Between the files of the config's schema: the sections that are files of their own,
 * and what they share.  For config*.c only. */
#ifndef CONFIG_PARTS_H
#define CONFIG_PARTS_H

#include "config/config.h"
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

/* The sections.  `node` NULL: the defaults. */
int config_sources_read(const struct tree_node *list, struct config *config,
                        struct tree_problem *problem);
void config_avoid_clear(struct config *config);
int config_avoid_read(const struct tree_node *map, struct config *config,
                      struct tree_problem *problem);
void config_metadata_clear(struct config *config);
int config_metadata_read(const struct tree_node *map, struct config *config,
                         struct tree_problem *problem);
int config_collectors_read(const struct tree_node *map, struct config *config,
                           struct tree_problem *problem);

#endif
