/* A YAML file to a tree.  One document; no anchors, aliases or tags; no key twice;
 * size, depth, number of nodes and length of values are limited. */
#ifndef YAML_LOAD_H
#define YAML_LOAD_H

#include "yaml/tree.h"

/* A config of 64 sources is below 16 KiB. */
#define TREE_FILE_BYTES_MAX ((size_t)1024 * 1024)
#define TREE_DEPTH_MAX 8 /* ours need 5 */
#define TREE_NODES_MAX 20000
#define TREE_STRING_BYTES_MAX 4096 /* one value */

struct tree_file {
    const char *path;        /* must stay as long as the tree */
    const char *flag;        /* that gives it, for sentences */
    size_t string_bytes_max; /* one value; 0: TREE_STRING_BYTES_MAX */
};

/* 0 with the root in `root` (NULL for an empty file), or -1. */
int tree_load(const struct tree_file *file, struct tree_node **root,
              struct failure *why);

#endif
