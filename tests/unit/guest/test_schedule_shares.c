/* The schedule with guests that take more than their share. */
#include "guest/schedule.h"

#include "unit/guest/turns.h"

/* Each call is held for nearly five seconds, and the channel opened anew before that is
 * over: what it has cost is not forgotten. */
static void
cost_much(struct schedule *schedule, struct schedule_guest *guests, int count,
          int64_t now_ns)
{
    struct schedule_turn taken;
    char name[32];

    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "hog-%d", i);
        schedule_add(schedule, &guests[i], name, now_ns);
        assert_true(schedule_next(schedule, now_ns, &taken));
        assert_ptr_equal(taken.guest, &guests[i]);
        assert_int_equal(taken.class, SCHEDULE_WELL);
        schedule_release(schedule, &guests[i], now_ns + 10 * S);
        schedule_done(schedule, &taken, FAILURE_DISCONNECTED, 4800 * MS, now_ns);
    }
}

static void
test_those_that_hold_lanes_are_confined(void **state)
{
    enum { HOGS = 30, HONEST = 30 };
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest hogs[HOGS] = {0}, honest[HONEST] = {0};
    struct schedule_turn turns[HOGS], taken;
    int64_t now_ns = 1000 * S;
    unsigned int count = 0;

    (void)state;
    cost_much(schedule, hogs, HOGS, now_ns);
    for (int i = 0; i < HONEST; i++)
        schedule_add(schedule, &honest[i], i % 2 ? "odd" : "even", now_ns + 20 * S);
    now_ns += 10 * S;
    while (schedule_next(schedule, now_ns, &turns[count]))
        assert_int_equal(turns[count++].class, SCHEDULE_CONFINED);
    assert_int_equal(count, 2);   /* of four lanes, as half of the guests are */
    assert_false(turns[0].probe); /* it may be asked anything, in that place */
    assert_int_equal(turns[0].due_ns, now_ns); /* nobody else has made it late */
    now_ns += 10 * S;
    for (int i = 0; i < 2 * HONEST; i++) {
        assert_true(turn(schedule, now_ns + i * MS, FAILURE_NONE, MS, &taken));
        assert_int_equal(taken.class, SCHEDULE_WELL);
    }
    schedule_done(schedule, &turns[0], FAILURE_NONE, 4800 * MS, now_ns + 5 * S);
    schedule_hold(schedule, turns[1].guest);
    schedule_done(schedule, &turns[1], FAILURE_NONE, 4800 * MS, now_ns + 5 * S);
    for (int i = 0; i < HOGS; i++)
        schedule_remove(schedule, &hogs[i]);
    schedule_free(schedule);
}

/* A slow host is no reason to leave lanes idle. */
static void
test_where_all_are_slow_all_lanes_are_theirs(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest slow[8] = {0}, silent = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;
    int count = 0;

    (void)state;
    schedule_add(schedule, &silent, "silent", now_ns);
    assert_true(turn(schedule, now_ns, FAILURE_TIMEOUT, 8 * S, &taken));
    cost_much(schedule, slow, 8, now_ns);
    while (schedule_next(schedule, now_ns + 10 * S, &taken))
        count++;
    assert_int_equal(count, 4);
    schedule_free(schedule);
}

/* However many do not answer, and wait for their probes. */
static void
test_the_confined_do_not_wait_for_the_silent(void **state)
{
    enum { SILENT = 20 };
    const unsigned int lanes[] = {4, 2};
    struct schedule_turn taken, turns[2];

    (void)state;
    for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++) {
        struct schedule *schedule = new_schedule(lanes[i]);
        struct schedule_guest silent[SILENT] = {0}, confined = {0}, well = {0};
        int64_t now_ns = 1000 * S;

        cost_much(schedule, &confined, 1, now_ns);
        for (int j = 0; j < SILENT; j++) {
            schedule_add(schedule, &silent[j], j % 2 ? "odd" : "even", now_ns);
            assert_true(turn(schedule, now_ns, FAILURE_TIMEOUT, 8 * S, &taken));
        }
        schedule_add(schedule, &well, "well", now_ns + MINUTE);
        now_ns += 40 * S;
        assert_true(schedule_next(schedule, now_ns, &turns[0]));
        assert_ptr_equal(turns[0].guest, &confined);
        /* A lane is left to the one that is well: of two, they have one together. */
        assert_int_equal(schedule_next(schedule, now_ns, &turns[1]), lanes[i] == 4);
        if (lanes[i] == 4)
            assert_int_equal(turns[1].class, SCHEDULE_SILENT);
        assert_false(schedule_next(schedule, now_ns, &taken));
        assert_true(turn(schedule, now_ns + MINUTE, FAILURE_NONE, MS, &taken));
        assert_ptr_equal(taken.guest, &well);
        schedule_free(schedule);
    }
}

/* One that answers as it should again has a place of its own, by and by. */
static void
test_a_confined_guest_is_free_again(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    assert_true(turn(schedule, now_ns, FAILURE_NONE, 4 * S, &taken));
    assert_true(schedule_is_confined(&guest));
    for (int minutes = 1; minutes <= 10; minutes++) {
        now_ns += MINUTE;
        assert_true(turn(schedule, now_ns, FAILURE_NONE, 5 * MS, &taken));
        assert_int_equal(schedule_is_confined(&guest), minutes < 7);
    }
    schedule_free(schedule);
}

/* Its replies are as large as they may be. */
static void
test_who_keeps_the_loop_busy_waits_until_it_is_paid(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;
    int calls = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (; now_ns < 1000 * S + 10 * MINUTE; now_ns += S) {
        schedule_release(schedule, &guest, now_ns); /* it opens anew */
        if (!schedule_next(schedule, now_ns, &taken))
            continue;
        share_spend_loop(&guest.share, 100 * MS, now_ns);
        schedule_done(schedule, &taken, FAILURE_NONE, 5 * MS, now_ns);
        calls++;
    }
    assert_in_range(calls, 30, 34); /* each 20 s, and some at first */
    schedule_free(schedule);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_that_hold_lanes_are_confined),
        cmocka_unit_test(test_where_all_are_slow_all_lanes_are_theirs),
        cmocka_unit_test(test_the_confined_do_not_wait_for_the_silent),
        cmocka_unit_test(test_a_confined_guest_is_free_again),
        cmocka_unit_test(test_who_keeps_the_loop_busy_waits_until_it_is_paid),
    };

    return cmocka_run_group_tests_name("schedule: shares", tests, NULL, NULL);
}
