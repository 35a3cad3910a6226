/* The heap of what waits. */
#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NODES = 1000 };

static void
test_the_earliest_is_first(void **state)
{
    struct heap heap = {0};
    struct heap_node late = {.wake_ns = 30}, early = {.wake_ns = 10},
                     middle = {.wake_ns = 20};

    (void)state;
    assert_null(heap_first(&heap));
    heap_add(&heap, &late);
    heap_add(&heap, &early);
    heap_add(&heap, &middle);
    assert_ptr_equal(heap_first(&heap), &early);
    heap_remove(&early);
    assert_ptr_equal(heap_first(&heap), &middle);
    heap_remove(&middle);
    heap_remove(&late);
    assert_null(heap_first(&heap));
    heap_clear(&heap);
}

static void
test_what_is_in_no_heap_is_removed_from_none(void **state)
{
    struct heap heap = {0};
    struct heap_node node = {.wake_ns = 1}, other = {.wake_ns = 2};

    (void)state;
    heap_remove(&node);
    heap_add(&heap, &node);
    heap_add(&heap, &other);
    heap_remove(&node);
    heap_remove(&node);
    assert_null(node.heap);
    assert_ptr_equal(heap_first(&heap), &other);
    assert_int_equal(heap.count, 1);
    heap_clear(&heap);
}

/* A node taken out of the middle is replaced by the last, which may belong above it
 * (in another branch) as well as below. */
static void
test_the_last_rises_where_it_belongs_above(void **state)
{
    static const int64_t times[] = {1, 10, 2, 11, 12, 3, 4};

    enum { COUNT = sizeof(times) / sizeof(times[0]) };
    struct heap_node nodes[COUNT];
    struct heap heap = {0};

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        nodes[i] = (struct heap_node){.wake_ns = times[i]};
        heap_add(&heap, &nodes[i]);
    }
    heap_remove(&nodes[3]); /* below 10; the last one is 4 */
    for (size_t i = 1; i < heap.count; i++)
        assert_true(heap.nodes[(i - 1) / 2]->wake_ns <= heap.nodes[i]->wake_ns);
    heap_clear(&heap);
}

/* In any order in, some out of the middle: the rest comes out by time, and each node
 * knows where it is. */
static void
test_all_come_out_by_time(void **state)
{
    static struct heap_node nodes[NODES];
    struct heap heap = {0};
    int64_t last_ns = INT64_MIN;
    size_t left = NODES;

    (void)state;
    srand(11);
    for (size_t i = 0; i < NODES; i++) {
        nodes[i] = (struct heap_node){.wake_ns = rand() % 500};
        heap_add(&heap, &nodes[i]);
    }
    for (size_t i = 0; i < NODES; i += 3, left--)
        heap_remove(&nodes[i]);
    assert_int_equal(heap.count, left);
    for (size_t i = 0; i < heap.count; i++)
        assert_int_equal(heap.nodes[i]->index, i);
    while (heap_first(&heap)) {
        assert_true(heap_first(&heap)->wake_ns >= last_ns);
        last_ns = heap_first(&heap)->wake_ns;
        heap_remove(heap_first(&heap));
        left--;
    }
    assert_int_equal(left, 0);
    heap_clear(&heap);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_earliest_is_first),
        cmocka_unit_test(test_what_is_in_no_heap_is_removed_from_none),
        cmocka_unit_test(test_the_last_rises_where_it_belongs_above),
        cmocka_unit_test(test_all_come_out_by_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
