/* A map of the file as a table of its keys: what may stand there, and which member of a
 * struct it becomes.  What a map does not say keeps its default. */
#ifndef YAML_SECTION_H
#define YAML_SECTION_H

#include "yaml/tree.h"

#include <stddef.h>
#include <stdint.h>

#define SECTION_KEYS_MAX 16

struct section_key {
    const char *key; /* NULL closes the table */
    enum {
        SECTION_MAP, /* of `keys`, or what `read` takes */
        SECTION_BOOL,
        SECTION_UNSIGNED,
        SECTION_COUNT,
        SECTION_INTEGER,
        SECTION_BYTES,
        SECTION_DURATION,
        SECTION_TEXT,
        SECTION_CHOICE,
    } type;
    size_t offset; /* of the struct, or of bool, unsigned int, size_t, int64_t, size_t,
                      int64_t nanoseconds, char * that is owned, enum */
    int64_t min, max;
    /* Of a text: NULL, or what is wrong and the remedy, behind the quoted value. */
    const char *(*check)(const char *text);
    const char *const *choices; /* by value of the enum; all that `check` takes */
    const struct section_key *keys;
    /* Of a map: called last, also if it is not there (NULL). */
    int (*read)(const struct tree_node *node, void *value, struct failure *why);

    /* For the reference alone. */
    const char *standard;            /* NULL: what the struct has */
    const char *range;               /* NULL: min to max */
    const char *help;                /* NULL: it has no row */
    const char *each;                /* how an entry is written: "[]" */
    const struct section_key *items; /* the keys of each entry */
};

/* Into `section`, the struct that the offsets are of.  `map` may be NULL. */
int section_read(const struct section_key *keys, const struct tree_node *map,
                 void *section, struct failure *why);

/* The two halves of it, for a map that has other keys besides: their names, up to
 * SECTION_KEYS_MAX and without a closing NULL (how many is returned), and the values.
 */
size_t section_names(const struct section_key *keys, const char **names);
int section_values(const struct section_key *keys, const struct tree_node *map,
                   void *section, struct failure *why);

/* The value of one key of the table, which it must have. */
int section_value(const struct section_key *keys, const char *key,
                  const struct tree_node *node, void *section, struct failure *why);

/* A text that passes `check`, borrowed from the tree. */
int section_text(const struct tree_node *node, const char *(*check)(const char *text),
                 const char **out, struct failure *why);
/* Replaces an allocated string by a copy of `value`. */
void section_set_text(char **target, const char *value);

#endif
