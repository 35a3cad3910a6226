/* The schedule with guests that are silent, slow, frozen or garbled. */
#include "guest/schedule.h"

#include "unit/guest/turns.h"

static void
test_silence_ends_the_visit_and_backs_off(void **state)
{
    const int64_t waits_s[] = {10, 60, 120, 240, 480, 900, 900};
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
        assert_true(turn(schedule, now_ns, FAILURE_TIMEOUT, 3 * S, &taken));
        assert_int_equal(taken.collector, CLOCK);
        assert_int_equal(taken.probe, i > 0);
        assert_int_equal(schedule_is_backing_off(schedule, &guest), i > 0);
        assert_true(schedule_is_idle(&guest, now_ns + 3 * S));
        now_ns += 3 * S + waits_s[i] * S;
        assert_false(schedule_next(schedule, now_ns - 1, &taken));
    }
    /* An answer ends it: everything that is overdue goes out. */
    for (size_t i = 0; i < COLLECTORS; i++) {
        assert_true(turn(schedule, now_ns, FAILURE_NONE, MS, &taken));
        assert_int_equal(taken.collector, i);
        assert_int_equal(taken.probe, i == 0);
        now_ns += 10 * MS;
    }
    assert_int_equal(guest.failures, 0);
    assert_false(schedule_is_backing_off(schedule, &guest));
    schedule_free(schedule);
}

/* Its reply has broken the channel, say: then it must not be sent, nor as a probe. */
static void
test_a_blocked_probe_is_not_sent(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    schedule_block(schedule, &guest, CLOCK, true);
    for (int i = 0; i < 3; i++) {
        assert_true(turn(schedule, now_ns, FAILURE_TIMEOUT, 3 * S, &taken));
        assert_int_equal(taken.collector, INFO);
        assert_int_equal(taken.probe, i > 0);
        now_ns += 20 * MINUTE;
    }
    schedule_free(schedule);
}

static void
forbid_all_but(struct schedule *schedule, struct schedule_guest *guest, size_t one)
{
    for (size_t i = 0; i < COLLECTORS; i++) {
        schedule_block(schedule, guest, i, i != one);
        schedule_forbid(schedule, guest, i, i != one);
    }
}

/* Rather nothing than what does harm. */
static void
test_what_is_forbidden_is_sent_in_no_mode(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    assert_true(turn(schedule, now_ns, FAILURE_TIMEOUT, 3 * S, &taken));
    forbid_all_but(schedule, &guest, COLLECTORS);
    assert_true(guest.suspect && schedule_asks_nothing(&guest));
    assert_false(schedule_next(schedule, now_ns + 20 * MINUTE, &taken));
    forbid_all_but(schedule, &guest, SLOW);
    assert_true(turn(schedule, now_ns + 20 * MINUTE, FAILURE_FROZEN, MS, &taken));
    assert_int_equal(taken.collector, SLOW);

    now_ns += 21 * MINUTE;
    forbid_all_but(schedule, &guest, INFO);
    schedule_restrict(schedule, &guest, SLOW, now_ns); /* nobody asks for it */
    assert_true(schedule_asks_nothing(&guest));
    schedule_continue(schedule, &guest, SLOW, now_ns); /* it has begun before */
    assert_true(turn(schedule, now_ns + S, FAILURE_NONE, MS, &taken));
    assert_int_equal(taken.collector, SLOW);
    schedule_free(schedule);
}

/* What a frozen guest is asked comes to be forbidden. */
static void
test_a_freeze_that_must_not_be_asked_about_ends(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    schedule_restrict(schedule, &guest, SLOW, now_ns);
    forbid_all_but(schedule, &guest, INFO);
    assert_false(guest.restricted);
    assert_true(turn(schedule, now_ns + S, FAILURE_NONE, MS, &taken));
    assert_int_equal(taken.collector, INFO);
    schedule_free(schedule);
}

static void
test_silent_guests_use_a_quarter(void **state)
{
    enum { GUESTS = 20 };
    struct schedule *schedule = new_schedule(8);
    struct schedule_guest guests[GUESTS] = {0};
    struct schedule_turn taken, in_flight[8];
    char name[32];
    unsigned int count = 0;

    (void)state;
    for (int i = 0; i < GUESTS; i++) {
        snprintf(name, sizeof(name), "dead-%d", i);
        schedule_add(schedule, &guests[i], name, 1000 * S);
    }
    for (int i = 0; i < GUESTS; i++)
        assert_true(turn(schedule, 1000 * S, FAILURE_TIMEOUT, 3 * S, &taken));
    /* All are suspects now and due; two of eight calls may be theirs. */
    while (schedule_next(schedule, 1100 * S, &in_flight[count]))
        count++;
    assert_int_equal(count, 2);

    /* A well guest does not wait for them. */
    struct schedule_guest well = {0};
    schedule_add(schedule, &well, "well", 1100 * S);
    assert_true(schedule_next(schedule, 1100 * S, &taken));
    assert_ptr_equal(taken.guest, &well);
    schedule_done(schedule, &taken, FAILURE_NONE, MS, 1100 * S);
    for (unsigned int i = 0; i < count; i++)
        schedule_done(schedule, &in_flight[i], FAILURE_TIMEOUT, 3 * S, 1103 * S);
    assert_true(schedule_next(schedule, 1103 * S, &taken));
    schedule_free(schedule);
}

/* What waits for a lane is no lane: a quarter of eight lanes, however many calls wait.
 */
static void
test_silent_guests_use_a_quarter_of_the_lanes(void **state)
{
    enum { GUESTS = 20 };
    struct schedule *schedule = new_schedule(32);
    struct schedule_guest guests[GUESTS] = {0};
    struct schedule_turn taken;
    unsigned int count = 0;

    (void)state;
    schedule_set_capacity(schedule, 32, 8);
    for (int i = 0; i < GUESTS; i++)
        schedule_add(schedule, &guests[i], i % 2 ? "odd" : "even", 1000 * S);
    for (int i = 0; i < GUESTS; i++)
        assert_true(turn(schedule, 1000 * S, FAILURE_TIMEOUT, 3 * S, &taken));
    while (schedule_next(schedule, 1100 * S, &taken))
        count++;
    assert_int_equal(count, 2);
    schedule_free(schedule);
}

/* Its lane is another's, and so is its place; its guest waits for it. */
static void
test_a_call_that_is_given_up_leaves_its_place(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guests[2] = {0};
    struct schedule_turn taken, first, second;

    (void)state;
    for (int i = 0; i < 2; i++) {
        schedule_add(schedule, &guests[i], i ? "odd" : "even", 1000 * S);
        assert_true(turn(schedule, 1000 * S, FAILURE_TIMEOUT, 3 * S, &taken));
    }
    assert_true(schedule_next(schedule, 1100 * S, &first));
    assert_false(schedule_next(schedule, 1100 * S, &taken));
    for (int i = 0; i < 2; i++) /* once, however often it is said */
        schedule_give_up(schedule, &first);
    assert_true(schedule_next(schedule, 1100 * S, &second));
    assert_ptr_not_equal(first.guest, second.guest);
    assert_false(schedule_next(schedule, 9000 * S, &taken));
    schedule_done(schedule, &second, FAILURE_TIMEOUT, 3 * S, 1103 * S);
    assert_true(schedule_next(schedule, 9000 * S, &second));
    /* It comes back after all: nothing is counted twice, and the guest goes on. */
    schedule_done(schedule, &first, FAILURE_NONE, MS, 9000 * S);
    assert_false(first.guest->suspect);
    schedule_set_capacity(schedule, 1, 1);
    assert_false(schedule_next(schedule, 9001 * S, &taken));
    schedule_set_capacity(schedule, 2, 2);
    assert_true(schedule_next(schedule, 9001 * S, &taken));
    assert_ptr_equal(taken.guest, first.guest);
    schedule_free(schedule);
}

static void
test_slow_command_is_asked_less(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S, last_ns = 0, gap_ns[6];
    int count = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (; count < 6; now_ns += 50 * MS) {
        if (!schedule_next(schedule, now_ns, &taken))
            continue;
        bool slow = taken.collector == SLOW;

        schedule_done(schedule, &taken, FAILURE_NONE, slow ? 2 * S : MS, now_ns);
        if (slow) {
            gap_ns[count++] = now_ns - last_ns;
            last_ns = now_ns;
        }
    }
    assert_in_range(gap_ns[2], 120 * S, 420 * S);
    assert_in_range(gap_ns[5], 480 * S - S, 15 * MINUTE);
    assert_int_equal(guest.entries[CLOCK].stretch, 0);
    assert_int_equal(guest.entries[SLOW].stretch, 3); /* 60 s × 8; ×16 is over 15 min */
    schedule_free(schedule);
}

static void
test_timeout_of_one_command_stretches_it_alone(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    visit_all(schedule, 1000 * S);
    guest.entries[SLOW].due_ns = 1001 * S;
    guest.entries[CLOCK].due_ns = guest.entries[INFO].due_ns = 5000 * S;
    schedule_block(schedule, &guest, SLOW, true);
    schedule_block(schedule, &guest, SLOW, false); /* files it anew */
    assert_true(turn(schedule, 1001 * S, FAILURE_TIMEOUT, 3 * S, &taken));
    assert_int_equal(taken.collector, SLOW);
    assert_int_equal(guest.entries[SLOW].stretch, 1);
    /* The probe answers: the guest is well, the slow command waits for its turn. */
    assert_true(turn(schedule, 1020 * S, FAILURE_NONE, MS, &taken));
    assert_true(taken.probe);
    assert_false(guest.suspect);
    assert_true(guest.entries[SLOW].due_ns >= 1004 * S + 60 * S);
    schedule_free(schedule);
}

static void
test_occupied_is_no_failure(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    assert_true(turn(schedule, 1000 * S, FAILURE_BUSY, 30 * S, &taken));
    assert_int_equal(guest.failures, 0);
    assert_false(schedule_is_backing_off(schedule, &guest));
    assert_int_equal(schedule_wake_ns(schedule), 1030 * S + SCHEDULE_BUSY_NS);
    /* It comes back by the lanes of those that hang, and is well with its first answer.
     */
    assert_true(turn(schedule, 1030 * S + SCHEDULE_BUSY_NS, FAILURE_NONE, MS, &taken));
    assert_true(taken.probe);
    assert_false(guest.suspect);
    schedule_free(schedule);
}

static void
test_frozen_guest_is_asked_only_that(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;
    int calls = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    assert_true(turn(schedule, now_ns, FAILURE_FROZEN, MS, &taken));
    assert_int_equal(guest.failures, 0);
    schedule_restrict(schedule, &guest, SLOW, now_ns);
    for (; now_ns < 1100 * S; now_ns += 10 * MS) {
        if (!turn(schedule, now_ns, FAILURE_NONE, MS, &taken))
            continue;
        assert_int_equal(taken.collector, SLOW);
        calls++;
    }
    assert_in_range(calls, 19, 21);
    /* Silence while frozen is probed with the one allowed question. */
    while (!turn(schedule, now_ns, FAILURE_TIMEOUT, MS, &taken))
        now_ns += 10 * MS;
    assert_true(turn(schedule, now_ns + 11 * S, FAILURE_NONE, MS, &taken));
    assert_true(taken.probe);
    assert_int_equal(taken.collector, SLOW);
    /* The thaw: everything, at once. */
    schedule_release(schedule, &guest, 1200 * S);
    visit_all(schedule, 1200 * S);
    schedule_free(schedule);
}

static void
test_garbled_answers_back_off_at_the_limit(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    assert_true(turn(schedule, 1000 * S, FAILURE_MALFORMED, MS, &taken));
    assert_false(guest.suspect); /* one collector's reply may be odd */
    assert_true(turn(schedule, 1001 * S, FAILURE_MALFORMED, MS, &taken));
    assert_true(schedule_is_backing_off(schedule, &guest));
    schedule_free(schedule);
}

/* Its probe is answered after every deadline: that is not to be asked more. */
static void
test_one_that_always_wakes_late_is_asked_less(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S, end_ns = now_ns + 60 * MINUTE;
    int calls = 0;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (; now_ns < end_ns; now_ns += S) {
        if (!turn(schedule, now_ns, FAILURE_TIMEOUT, 3 * S, &taken))
            continue;
        calls++;
        now_ns += 4 * S;
        schedule_probe_soon(schedule, &guest, now_ns);
    }
    /* Two for each step of the back-off. */
    assert_in_range(calls, 4, 20);
    schedule_free(schedule);
}

/* It waited for a probe; it is probed now, and the command that silenced it stays
 * stretched. */
static void
test_a_guest_that_wakes_is_probed(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    visit_all(schedule, 1000 * S);
    schedule_probe_soon(schedule, &guest, 1001 * S); /* it is well: nothing */
    assert_false(turn(schedule, 1001 * S, FAILURE_NONE, MS, &taken));
    for (int64_t now_ns = 1100 * S; !guest.suspect; now_ns += 10 * MS) {
        assert_true(schedule_next(schedule, now_ns, &taken));
        schedule_done(schedule, &taken,
                      taken.collector == SLOW ? FAILURE_TIMEOUT : FAILURE_NONE, MS,
                      now_ns);
    }
    assert_int_equal(guest.entries[SLOW].stretch, 1);
    assert_true(turn(schedule, 1200 * S, FAILURE_TIMEOUT, MS, &taken));
    assert_true(taken.probe);
    assert_false(turn(schedule, 1201 * S, FAILURE_NONE, MS, &taken));
    schedule_probe_soon(schedule, &guest, 1201 * S);
    assert_true(turn(schedule, 1201 * S, FAILURE_NONE, MS, &taken));
    assert_true(taken.probe);
    assert_false(guest.suspect);
    assert_int_equal(guest.entries[SLOW].stretch, 1);
    schedule_free(schedule);
}

static void
test_late_answer_of_a_former_life_tells_nothing(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;

    (void)state;
    schedule_add(schedule, &guest, "web-1", 1000 * S);
    assert_true(schedule_next(schedule, 1000 * S, &taken));
    schedule_hold(schedule, &guest);
    schedule_release(schedule, &guest, 1001 * S);
    schedule_done(schedule, &taken, FAILURE_DISCONNECTED, S, 1001 * S);
    assert_int_equal(guest.failures, 0);
    visit_all(schedule, 1001 * S);
    schedule_free(schedule);
}

/* Others use the agent at any moment: that is no trouble of the guest. */
static void
test_somebody_else_is_there_for_a_moment(void **state)
{
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {.visited = true}, twin = {.visited = true};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (unsigned int i = 1; i <= 2 * SCHEDULE_OCCUPIED_MAX; i++) {
        assert_true(turn(schedule, now_ns, FAILURE_BUSY, 0, &taken));
        assert_false(taken.probe);
        assert_int_equal(taken.collector, SLOW);
        assert_int_equal(schedule_is_put_off(&guest), i < SCHEDULE_OCCUPIED_MAX);
        assert_true(schedule_is_idle(&guest, now_ns));
        assert_false(schedule_is_backing_off(schedule, &guest));
        assert_in_range(schedule_wake_ns(schedule) - now_ns, SCHEDULE_OCCUPIED_NS,
                        2 * SCHEDULE_OCCUPIED_NS);
        now_ns = schedule_wake_ns(schedule);
    }
    assert_int_equal(guest.failures, 0);
    /* What was left is due as soon. */
    for (int i = 0; i < COLLECTORS; i++)
        assert_true(turn(schedule, now_ns, FAILURE_NONE, 0, &taken));
    assert_false(schedule_is_put_off(&guest));
    /* Two exporters that met do not meet again: they were not asked at one
     * nanosecond. */
    schedule_release(schedule, &guest, now_ns);
    assert_true(turn(schedule, now_ns, FAILURE_BUSY, 0, &taken));
    int64_t first_ns = schedule_wake_ns(schedule) - now_ns;

    schedule_hold(schedule, &guest);
    schedule_add(schedule, &twin, "web-1", now_ns);
    assert_true(turn(schedule, now_ns + 1, FAILURE_BUSY, 0, &taken));
    int64_t second_ns = schedule_wake_ns(schedule) - now_ns;

    assert_true(llabs(second_ns - first_ns) > MS);
    schedule_free(schedule);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_ends_the_visit_and_backs_off),
        cmocka_unit_test(test_a_blocked_probe_is_not_sent),
        cmocka_unit_test(test_what_is_forbidden_is_sent_in_no_mode),
        cmocka_unit_test(test_a_freeze_that_must_not_be_asked_about_ends),
        cmocka_unit_test(test_silent_guests_use_a_quarter),
        cmocka_unit_test(test_silent_guests_use_a_quarter_of_the_lanes),
        cmocka_unit_test(test_a_call_that_is_given_up_leaves_its_place),
        cmocka_unit_test(test_slow_command_is_asked_less),
        cmocka_unit_test(test_timeout_of_one_command_stretches_it_alone),
        cmocka_unit_test(test_occupied_is_no_failure),
        cmocka_unit_test(test_frozen_guest_is_asked_only_that),
        cmocka_unit_test(test_garbled_answers_back_off_at_the_limit),
        cmocka_unit_test(test_one_that_always_wakes_late_is_asked_less),
        cmocka_unit_test(test_a_guest_that_wakes_is_probed),
        cmocka_unit_test(test_late_answer_of_a_former_life_tells_nothing),
        cmocka_unit_test(test_somebody_else_is_there_for_a_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
