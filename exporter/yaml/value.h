/* Strict, typed readers of the values in a YAML tree.  What is wrong is one sentence
 * with file:line and the remedy.  Pure. */
#ifndef YAML_VALUE_H
#define YAML_VALUE_H

#include "yaml/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All: 0 and the value, or -1 with the mistake.  The ranges are inclusive. */
int value_read_string(const struct tree_node *node, const char **out,
                      struct failure *why); /* borrowed from the tree */
/* The index of the value among `names` (NULL-terminated). */
int value_read_choice(const struct tree_node *node, const char *const *names,
                      size_t *index, struct failure *why);
int value_read_bool(const struct tree_node *node, bool *out, struct failure *why);
int value_read_integer(const struct tree_node *node, int64_t min, int64_t max,
                       int64_t *out, struct failure *why);
/* 250ms, 15s, 1m30s, 2h */
int value_read_duration(const struct tree_node *node, int64_t min_ns, int64_t max_ns,
                        int64_t *out_ns, struct failure *why);
/* 65536, 64KiB, 1MiB */
int value_read_bytes(const struct tree_node *node, int64_t min, int64_t max,
                     int64_t *out, struct failure *why);

/* The shortest spelling that reads back as the same. */
#define VALUE_BYTES 64
const char *value_duration_format(int64_t ns, char out[VALUE_BYTES]);
const char *value_bytes_format(int64_t bytes, char out[VALUE_BYTES]);

#endif
