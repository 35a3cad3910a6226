/* A binary heap by time. */
#include "base/heap.h"

#include "kit/memory.h"

#include <stdlib.h>

#define NODES_FIRST 16

static void
place(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->index = index;
}

static void
rise(struct heap *heap, size_t index, struct heap_node *node)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (heap->nodes[parent]->wake_ns <= node->wake_ns)
            break;
        place(heap, index, heap->nodes[parent]);
        index = parent;
    }
    place(heap, index, node);
}

static void
sink(struct heap *heap, size_t index, struct heap_node *node)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            heap->nodes[child + 1]->wake_ns < heap->nodes[child]->wake_ns)
            child++;
        if (heap->nodes[child]->wake_ns >= node->wake_ns)
            break;
        place(heap, index, heap->nodes[child]);
        index = child;
    }
    place(heap, index, node);
}

void
heap_add(struct heap *heap, struct heap_node *node)
{
    if (heap->count == heap->allocated) {
        heap->allocated = heap->allocated > 0 ? 2 * heap->allocated : NODES_FIRST;
        heap->nodes =
            memory_resize(heap->nodes, heap->allocated, sizeof(struct heap_node *));
    }
    node->heap = heap;
    rise(heap, heap->count++, node);
}

void
heap_remove(struct heap_node *node)
{
    struct heap *heap = node->heap;

    if (!heap)
        return;
    size_t index = node->index;
    struct heap_node *last = heap->nodes[--heap->count];

    node->heap = NULL;
    if (last == node)
        return;
    if (index > 0 && last->wake_ns < heap->nodes[(index - 1) / 2]->wake_ns)
        rise(heap, index, last);
    else
        sink(heap, index, last);
}

struct heap_node *
heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

void
heap_clear(struct heap *heap)
{
    free(heap->nodes);
    *heap = (struct heap){.nodes = NULL};
}
