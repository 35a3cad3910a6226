/* The schedule on a clock that is only a number. */
#include "guest/schedule.h"

#include "unit/guest/turns.h"

static void
test_first_visit_is_in_order_with_gaps(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    assert_int_equal(schedule_wake_ns(schedule), now_ns);
    assert_false(schedule_next(schedule, now_ns - 1, &taken));
    for (size_t i = 0; i < COLLECTORS; i++) {
        assert_true(schedule_next(schedule, now_ns, &taken));
        assert_int_equal(taken.collector, i);
        assert_false(taken.probe);
        /* One call in flight per guest. */
        assert_false(schedule_next(schedule, now_ns + MINUTE, &taken));
        schedule_done(schedule, &taken, FAILURE_NONE, MS, now_ns);
        assert_int_equal(schedule_is_idle(&guest, now_ns), i == COLLECTORS - 1);
        assert_false(schedule_next(schedule, now_ns, &taken)); /* the gap */
        now_ns += SCHEDULE_GAP_NS;
    }
    assert_false(schedule_next(schedule, now_ns, &taken));
    schedule_free(schedule);
}

static void
test_ticks_are_regular_and_staggered(void **state)
{
    enum { GUESTS = 1000, SECONDS = 60 };
    struct schedule *schedule = new_schedule(GUESTS);
    struct schedule_guest *guests = calloc(GUESTS, sizeof(*guests));
    unsigned int calls_in[SECONDS] = {0};
    struct schedule_turn taken;
    char name[32];

    (void)state;
    for (int i = 0; i < GUESTS; i++) {
        snprintf(name, sizeof(name), "web-%d", i);
        schedule_add(schedule, &guests[i], name, 1000 * S);
    }
    /* The first pass, then two minutes to settle. */
    int64_t now_ns = 1000 * S;
    for (; now_ns < 1120 * S; now_ns += 5 * MS)
        while (turn(schedule, now_ns, FAILURE_NONE, 0, &taken))
            ;
    for (; now_ns < 1120 * S + SECONDS * S; now_ns += 5 * MS)
        while (turn(schedule, now_ns, FAILURE_NONE, 0, &taken))
            calls_in[(now_ns - 1120 * S) / S]++;

    /* 1000 guests: 66.7 clock, 16.7 slow and 1.7 info calls a second. */
    unsigned int total = 0;
    for (int i = 0; i < SECONDS; i++) {
        assert_in_range(calls_in[i], 50, 125);
        total += calls_in[i];
    }
    assert_in_range(total, 5000, 5210);
    free(guests);
    schedule_free(schedule);
}

static void
test_phase_survives_a_restart(void **state)
{
    int64_t wake_ns[2];

    (void)state;
    for (int run = 0; run < 2; run++) {
        struct schedule *schedule = new_schedule(4);
        struct schedule_guest guest = {0};

        schedule_add(schedule, &guest, "web-1", 1000 * S + run * 3 * S);
        visit_all(schedule, 1000 * S + run * 3 * S);
        wake_ns[run] = schedule_wake_ns(schedule) % (15 * S);
        schedule_free(schedule);
    }
    assert_int_equal(wake_ns[0], wake_ns[1]);
}

static void
test_no_burst_after_a_pause(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int calls = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    visit_all(schedule, 1000 * S);
    /* The host slept for an hour: each collector once, not 240 clocks. */
    for (int64_t now_ns = 4600 * S; now_ns < 4601 * S; now_ns += MS)
        calls += turn(schedule, now_ns, FAILURE_NONE, 0, &taken);
    assert_int_equal(calls, COLLECTORS);
    /* And the clock not again before half an interval is over. */
    assert_true(schedule_wake_ns(schedule) >= 4600 * S + 15 * S / 2);
    schedule_free(schedule);
}

static void
test_capacity_is_kept(void **state)
{
    struct schedule *schedule = new_schedule(2);
    struct schedule_guest guests[3] = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guests[0], "a", 1000 * S);
    schedule_add(schedule, &guests[1], "b", 1000 * S);
    schedule_add(schedule, &guests[2], "c", 1000 * S);
    assert_true(schedule_next(schedule, 1000 * S, &taken));
    assert_true(schedule_next(schedule, 1000 * S, &taken));
    assert_false(schedule_next(schedule, 1000 * S, &taken));
    assert_int_equal(schedule_wake_ns(schedule), INT64_MAX);
    /* A lane that hangs is replaced: one more may go out. */
    schedule_set_capacity(schedule, 3, 3);
    assert_true(schedule_next(schedule, 1000 * S, &taken));
    schedule_free(schedule);
}

static void
test_hold_and_release(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {.held = true};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    assert_false(schedule_next(schedule, 2000 * S, &taken));
    schedule_release(schedule, &guest, 2000 * S);
    assert_true(turn(schedule, 2000 * S, FAILURE_TIMEOUT, 3 * S, &taken));
    assert_true(turn(schedule, 2013 * S, FAILURE_TIMEOUT, 3 * S, &taken));
    assert_true(schedule_is_backing_off(schedule, &guest));
    /* The agent is back: at once, and for everything. */
    schedule_block(schedule, &guest, SLOW, true);
    schedule_release(schedule, &guest, 2020 * S);
    visit_all(schedule, 2020 * S);
    schedule_free(schedule);
}

static void
test_blocked_commands_are_not_asked(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    schedule_block(schedule, &guest, CLOCK, true);
    schedule_block(schedule, &guest, SLOW, true);
    assert_true(turn(schedule, 1000 * S, FAILURE_NONE, MS, &taken));
    assert_int_equal(taken.collector, INFO);
    assert_false(schedule_next(schedule, 1100 * S, &taken));
    schedule_block(schedule, &guest, INFO, true);
    assert_int_equal(schedule_wake_ns(schedule), INT64_MAX);
    schedule_free(schedule);
}

/* The answer that is there may be gone before the new interval's first tick. */
static void
test_a_longer_interval_leaves_no_gap(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_settings settings = settings_with(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int clocks = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    visit_all(schedule, 1000 * S);
    settings.collectors[CLOCK].interval_ns = 600 * S;
    schedule_configure(schedule, &settings);
    schedule_reset(schedule, &guest, 1001 * S);
    for (int64_t now_ns = 1001 * S; now_ns < 1101 * S; now_ns += 100 * MS) {
        if (turn(schedule, now_ns, FAILURE_NONE, MS, &taken) &&
            taken.collector == CLOCK) {
            assert_in_range(now_ns, 1001 * S, 1024 * S); /* as it was due before */
            clocks++;
        }
    }
    assert_int_equal(clocks, 1);
    schedule_free(schedule);
}

static void
test_new_intervals_at_a_reload(void **state)
{
    struct schedule_settings settings = settings_with(4);
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int clocks = 0, others = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    visit_all(schedule, 1000 * S);
    settings.collectors[CLOCK].interval_ns = S;
    settings.collectors[SLOW].enabled = false;
    schedule_configure(schedule, &settings);
    schedule_reset(schedule, &guest, 1001 * S);
    for (int64_t now_ns = 1001 * S; now_ns < 1101 * S; now_ns += 10 * MS) {
        if (turn(schedule, now_ns, FAILURE_NONE, MS, &taken))
            *(taken.collector == CLOCK ? &clocks : &others) += 1;
    }
    assert_in_range(clocks, 98, 101);
    assert_in_range(others, 0, 1);
    schedule_free(schedule);
}

static void
test_budget_holds_whatever_happens(void **state)
{
    struct schedule_settings settings = settings_with(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int calls = 0;

    (void)state;
    settings.calls_per_minute = 20;
    struct schedule *schedule = schedule_new(&settings);

    /* An agent that comes and goes twice a second for ten minutes. */
    schedule_add(schedule, &guest, "flapping", 1000 * S);
    for (int64_t now_ns = 1000 * S; now_ns < 1600 * S; now_ns += 10 * MS) {
        if (now_ns % (500 * MS) == 0)
            schedule_release(schedule, &guest, now_ns);
        calls += turn(schedule, now_ns, FAILURE_NONE, MS, &taken);
    }
    assert_in_range(calls, 10 * 20, 11 * 20 + 1);

    /* One that behaves never feels it. */
    struct schedule_guest calm = {0};
    schedule_remove(schedule, &guest);
    schedule_add(schedule, &calm, "calm", 2000 * S);
    visit_all(schedule, 2000 * S);
    assert_true(calm.allowed_ns <= 2001 * S);
    schedule_free(schedule);
}

/* Random lives: whatever happens, no more than the capacity is in flight, never two
 * calls of one guest, and nobody starves. */
static void
test_random_lives(void **state)
{
    enum { GUESTS = 50, CAPACITY = 8 };
    struct schedule *schedule = new_schedule(CAPACITY);
    struct schedule_guest *guests = calloc(GUESTS, sizeof(*guests));
    struct schedule_turn flying[CAPACITY];
    unsigned int count = 0, asked[GUESTS] = {0};
    char name[32];

    (void)state;
    srand(7);
    for (int i = 0; i < GUESTS; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        schedule_add(schedule, &guests[i], name, 1000 * S);
    }
    for (int64_t now_ns = 1000 * S; now_ns < 3000 * S; now_ns += 20 * MS) {
        struct schedule_turn taken;

        while (schedule_next(schedule, now_ns, &taken)) {
            assert_true(count < CAPACITY);
            for (unsigned int i = 0; i < count; i++)
                assert_ptr_not_equal(flying[i].guest, taken.guest);
            flying[count++] = taken;
            asked[taken.guest - guests]++;
        }
        if (count > 0 && rand() % 2) {
            unsigned int pick = (unsigned int)rand() % count;
            enum failure_kind outcome =
                rand() % 4 ? FAILURE_NONE : (enum failure_kind)(rand() % FAILURE_KINDS);

            taken = flying[pick];
            flying[pick] = flying[--count];
            schedule_done(schedule, &taken, outcome, rand() % (2 * S), now_ns);
        }
        if (rand() % 100 == 0) {
            struct schedule_guest *guest = &guests[rand() % GUESTS];

            if (guest->held)
                schedule_release(schedule, guest, now_ns);
            else
                schedule_hold(schedule, guest);
        }
    }
    for (int i = 0; i < GUESTS; i++)
        assert_true(asked[i] > 10);
    free(guests);
    schedule_free(schedule);
}

/* --- guests whose agent others use too --- */

/* The first visit, and those of the next two minutes. */
static void
test_visits(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {.visited = true};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S, visit_ns = 0;
    unsigned int visits = 0, calls[COLLECTORS] = {0};

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (; now_ns < 1120 * S; now_ns += 5 * MS) {
        while (turn(schedule, now_ns, FAILURE_NONE, 0, &taken)) {
            /* Without a gap, and SLOW, the opening, before all others. */
            if (now_ns != visit_ns) {
                assert_int_equal(taken.collector, SLOW);
                visits++;
            }
            visit_ns = now_ns;
            calls[taken.collector]++;
            assert_int_equal(schedule_is_idle(&guest, now_ns),
                             guest.waiting.wake_ns > now_ns);
        }
    }
    /* One visit each 15 s: all that is due then is asked in it. */
    assert_in_range(visits, 8, 10);
    assert_int_equal(calls[CLOCK], visits);
    assert_int_equal(calls[SLOW], visits);
    assert_int_equal(calls[INFO], 1);
    schedule_free(schedule);
}

/* Also where it is off; and not where the agent does not have it. */
static void
test_a_visit_without_its_opening(void **state)
{
    struct schedule_settings settings = settings_with(4);

    (void)state;
    settings.opening = SLOW;
    settings.collectors[SLOW].enabled = false;
    struct schedule *schedule = schedule_new(&settings);
    struct schedule_guest guest = {.visited = true};
    struct schedule_turn taken;

    schedule_add(schedule, &guest, "web-1", 1000 * S);
    assert_true(turn(schedule, 1000 * S, FAILURE_NONE, 0, &taken));
    assert_int_equal(taken.collector, SLOW);
    assert_true(turn(schedule, 1000 * S, FAILURE_NONE, 0, &taken));
    assert_int_equal(taken.collector, CLOCK);
    schedule_block(schedule, &guest, SLOW, true);
    schedule_release(schedule, &guest, 2000 * S);
    schedule_block(schedule, &guest, SLOW, true);
    assert_true(turn(schedule, 2000 * S, FAILURE_NONE, 0, &taken));
    assert_int_equal(taken.collector, CLOCK);
    schedule_free(schedule);
}

/* A conversation is one visit, and one that does not answer is probed with the opening.
 */
static void
test_what_else_a_visit_may_be(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {.visited = true};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    for (int i = 0; i < COLLECTORS; i++)
        assert_true(turn(schedule, 1000 * S, FAILURE_NONE, 0, &taken));
    for (int i = 0; i < 3; i++) {
        schedule_continue(schedule, &guest, INFO, 1000 * S);
        assert_true(turn(schedule, 1000 * S, FAILURE_NONE, 0, &taken));
        assert_int_equal(taken.collector, INFO);
    }
    assert_true(schedule_may_send(schedule, &guest, INFO));
    schedule_release(schedule, &guest, 2000 * S);
    assert_true(turn(schedule, 2000 * S, FAILURE_TIMEOUT, 0, &taken));
    assert_true(schedule_may_send(schedule, &guest, SLOW));
    assert_false(schedule_may_send(schedule, &guest, CLOCK)); /* the usual probe */
    assert_true(
        turn(schedule, 2000 * S + SCHEDULE_RETRY_NS, FAILURE_TIMEOUT, 0, &taken));
    assert_true(taken.probe);
    assert_int_equal(taken.collector, SLOW);
    schedule_block(schedule, &guest, SLOW, true);
    assert_true(schedule_may_send(schedule, &guest, CLOCK));
    schedule_block(schedule, &guest, CLOCK, true);
    assert_true(schedule_may_send(schedule, &guest, INFO)); /* in its stead */
    schedule_hold(schedule, &guest);
    assert_false(schedule_may_send(schedule, &guest, INFO));
    schedule_free(schedule);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_visit_is_in_order_with_gaps),
        cmocka_unit_test(test_ticks_are_regular_and_staggered),
        cmocka_unit_test(test_phase_survives_a_restart),
        cmocka_unit_test(test_no_burst_after_a_pause),
        cmocka_unit_test(test_capacity_is_kept),
        cmocka_unit_test(test_hold_and_release),
        cmocka_unit_test(test_blocked_commands_are_not_asked),
        cmocka_unit_test(test_a_longer_interval_leaves_no_gap),
        cmocka_unit_test(test_new_intervals_at_a_reload),
        cmocka_unit_test(test_budget_holds_whatever_happens),
        cmocka_unit_test(test_random_lives),
        cmocka_unit_test(test_visits),
        cmocka_unit_test(test_a_visit_without_its_opening),
        cmocka_unit_test(test_what_else_a_visit_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
