/* A YAML file as a small tree of nodes that know their line (yaml/load.h makes it).
 * What is wrong with it is one sentence with file:line and the remedy.  A tree belongs
 * to one thread. */
#ifndef YAML_TREE_H
#define YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct failure;

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_kind kind;
    const char *file; /* borrowed from who loaded it; NULL: a value of a flag */
    int line;         /* of the value; of a map or list: where it begins */
    char *key;        /* in a map, else NULL */
    int key_line;
    size_t index; /* among the parent's children */
    char *text;   /* of a scalar */
    bool quoted;  /* the scalar stood in quotes or in a block */
    const struct tree_node *parent;
    struct tree_node *first, *next; /* children in the order of the file; siblings */
};

void tree_free(struct tree_node *root); /* NULL is fine */

/* Write `file:line: path.of.node: sentence`; always return -1.  Line 0: the file as a
 * whole. */
int tree_fail(struct failure *why, const struct tree_node *node, const char *format,
              ...) __attribute__((format(printf, 3, 4)));
int tree_fail_line(struct failure *why, const char *file, int line, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* `text` between quotes for a sentence: cut, and without control characters. */
#define TREE_QUOTE_BYTES 72
const char *tree_quote(const char *text, char out[TREE_QUOTE_BYTES]);

/* The child of a map by key; NULL also when `map` is none. */
const struct tree_node *tree_child(const struct tree_node *map, const char *key);
/* No value at all: `key:`, ~ or null. */
bool tree_is_null(const struct tree_node *node);
/* Whether the map has no key but those of `keys` (NULL-terminated). A node that is no
 * map is a mistake; NULL and null are empty maps. */
int tree_check_keys(const struct tree_node *map, const char *const *keys,
                    struct failure *why);

#endif
