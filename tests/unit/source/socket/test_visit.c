/* When a visit goes on, and when it makes room. */
#include "source/socket/visit.h"

#include "source/socket/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define FD 7
#define PATH "/run/agent.sock"
#define SINCE_NS (INT64_C(1000) * 1000 * 1000 * 1000)

/* What the kernel would say. */
static int waiting;
static bool we_wait;
static unsigned int questions, questions_of_us;

int
socket_queues_waiting(struct socket_queues *queues, const char *path)
{
    (void)queues;
    assert_string_equal(path, PATH);
    questions++;
    return waiting;
}

bool
socket_queues_has_waiting(struct socket_queues *queues, int fd)
{
    (void)queues;
    assert_int_equal(fd, FD);
    questions_of_us++;
    return we_wait;
}

static struct visit
begun(void)
{
    struct visit visit;

    memset(&visit, 0xff, sizeof(visit));
    visit_begin(&visit, NULL, PATH, SINCE_NS);
    questions = questions_of_us = 0;
    return visit;
}

static void
expect(struct visit *visit, int64_t after_ns, int now_waiting, bool now_we_wait,
       enum visit_advice advice)
{
    waiting = now_waiting;
    we_wait = now_we_wait;
    assert_int_equal(visit_look(visit, FD, SINCE_NS + after_ns), advice);
}

/* One question each time: where nobody waits, we do not wait either. */
static void
test_alone(void **state)
{
    struct visit visit = begun();

    (void)state;
    for (unsigned int i = 1; i <= 5; i++) {
        expect(&visit, i, 0, false, VISIT_GO_ON);
        assert_int_equal(questions, i);
    }
    assert_int_equal(questions_of_us, 0);
    assert_false(visit.blind);
}

static void
test_somebody_comes(void **state)
{
    struct visit visit = begun();

    (void)state;
    expect(&visit, 1, 0, false, VISIT_GO_ON);
    expect(&visit, 2, 1, false, VISIT_LEAVE);
    assert_int_equal(questions_of_us, 0);
}

static void
test_our_turn_comes(void **state)
{
    struct visit visit = begun();

    (void)state;
    expect(&visit, 1, 1, true, VISIT_WAIT);
    expect(&visit, VISIT_QUEUED_NS, 1, true, VISIT_WAIT);
    expect(&visit, VISIT_QUEUED_NS + 1, 0, false, VISIT_GO_ON);
}

static void
test_our_turn_does_not_come(void **state)
{
    struct visit visit = begun();

    (void)state;
    expect(&visit, 1, 1, true, VISIT_WAIT);
    expect(&visit, VISIT_QUEUED_NS + 1, 1, true, VISIT_LEAVE);
}

static void
test_somebody_comes_behind_us(void **state)
{
    struct visit visit = begun();

    (void)state;
    expect(&visit, 1, 2, true, VISIT_LEAVE);
}

/* The one that waited was us, or it was not: the next look tells. */
static void
test_accepted_between_two_questions(void **state)
{
    struct visit ours = begun(), others = begun(), crowd = begun();

    (void)state;
    expect(&ours, 1, 1, false, VISIT_WAIT);
    expect(&ours, 2, 0, false, VISIT_GO_ON);
    expect(&others, 1, 1, false, VISIT_WAIT);
    expect(&others, 2, 1, false, VISIT_LEAVE);
    expect(&crowd, 1, 2, false, VISIT_LEAVE);
}

/* Of another network namespace only our own end can be seen. */
static void
test_the_queue_is_not_shown(void **state)
{
    struct visit visit = begun();

    (void)state;
    expect(&visit, 1, -1, true, VISIT_WAIT);
    assert_true(visit.blind);
    expect(&visit, 2, -1, false, VISIT_GO_ON);
    assert_true(visit.blind);
    expect(&visit, 3, 0, false, VISIT_GO_ON);
    assert_false(visit.blind);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_somebody_comes),
        cmocka_unit_test(test_our_turn_comes),
        cmocka_unit_test(test_our_turn_does_not_come),
        cmocka_unit_test(test_somebody_comes_behind_us),
        cmocka_unit_test(test_accepted_between_two_questions),
        cmocka_unit_test(test_the_queue_is_not_shown),
    };

    return cmocka_run_group_tests_name("visit", tests, NULL, NULL);
}
