/* A YAML file as a small tree of nodes that know their line, and strict readers of
 * their values.  One document; no anchors, aliases or tags; no key twice; depth, size
 * and number of nodes are limited.  What was wrong is one sentence with file:line and
 * the remedy.  A tree belongs to one thread. */
#ifndef YAML_TREE_H
#define YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#define TREE_FILE_BYTES_MAX (1024 * 1024) /* a config of 64 sources is below 16 KiB */
#define TREE_DEPTH_MAX 8                  /* ours need 5 */
#define TREE_NODES_MAX 20000
#define TREE_STRING_BYTES_MAX 4096 /* one value */

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_kind kind;
    int line;  /* of the value; of a map or list: where it begins */
    char *key; /* in a map, else NULL */
    int key_line;
    size_t index; /* among the parent's children */
    char *text;   /* of a scalar */
    bool quoted;  /* the scalar stood in quotes or in a block */
    const struct tree_node *parent;
    struct tree_node *first, *next; /* children in the order of the file; siblings */
};

/* Where the first problem goes: the buffer is the caller's. */
struct tree_problem {
    const char *file; /* borrowed; the name in front of the sentence */
    char *text;
    size_t text_bytes;
    const char *flag;        /* that names the file; NULL: --config.file */
    size_t string_bytes_max; /* one value; 0: TREE_STRING_BYTES_MAX */
};

/* 0 with the root in `root` (NULL for an empty file), or -1 with the problem. */
int tree_load(const char *path, struct tree_node **root, struct tree_problem *problem);
void tree_free(struct tree_node *root); /* NULL is fine */

/* Writes `file:line: path.of.node: sentence`; always returns -1. */
int tree_fail(struct tree_problem *problem, const struct tree_node *node,
              const char *format, ...) __attribute__((format(printf, 3, 4)));

/* `text` between quotes for a sentence: cut, and without control characters. */
#define TREE_QUOTE_BYTES 72
const char *tree_quote(const char *text, char out[TREE_QUOTE_BYTES]);

/* The child of a map by key; NULL also when `map` is NULL or the child has no value. */
const struct tree_node *tree_child(const struct tree_node *map, const char *key);
/* No value at all: `key:`, ~ or null. */
bool tree_is_null(const struct tree_node *node);
/* Whether the map has no key but those of `keys` (NULL-terminated). A node that is no
 * map is a problem; NULL and null are empty maps. */
int tree_check_keys(const struct tree_node *map, const char *const *keys,
                    struct tree_problem *problem);

#endif
