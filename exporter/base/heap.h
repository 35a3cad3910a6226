/* A binary heap of what waits for its time: the earliest is first.  It holds nodes that
 * stand in what waits, and knows nothing else of it.  Not thread-safe. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Embedded in what waits; zeroed by its owner. */
struct heap_node {
    int64_t wake_ns;   /* changed only while it is in no heap */
    struct heap *heap; /* where it waits; NULL: nowhere */
    size_t index;
};

struct heap {
    struct heap_node **nodes;
    size_t count, allocated;
};

void heap_add(struct heap *heap, struct heap_node *node);
/* Out of the heap that it is in, if it is in one. */
void heap_remove(struct heap_node *node);
/* NULL: nothing waits. */
struct heap_node *heap_first(const struct heap *heap);
/* Frees what it has allocated; the nodes are their owners'. */
void heap_clear(struct heap *heap);

#endif
