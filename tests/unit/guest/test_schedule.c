/* The schedule on a clock that is only a number. */
#include "guest/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S (INT64_C(1000) * MS)
#define MINUTE (60 * S)

enum { CLOCK, INFO, SLOW, COLLECTORS };

static struct schedule_settings
settings_with(unsigned int capacity)
{
    return (struct schedule_settings){
        .capacity = capacity,
        .lanes = capacity,
        .collectors = {[CLOCK] = {true, 15 * S},
                       [INFO] = {true, 600 * S},
                       [SLOW] = {true, 60 * S}},
        .collectors_count = COLLECTORS,
        .probe = CLOCK,
        .failures_before_backoff = 2,
        .backoff_ns = 60 * S,
        .backoff_max_ns = 15 * MINUTE,
    };
}

static struct schedule *
new_schedule(unsigned int capacity)
{
    const struct schedule_settings settings = settings_with(capacity);

    return schedule_new(&settings);
}

/* Takes the guest's next turn at now_ns, and answers it after 5 ms. */
static bool
turn(struct schedule *schedule, int64_t now_ns, enum failure_kind outcome,
     int64_t duration_ns, struct schedule_turn *taken)
{
    if (!schedule_next(schedule, now_ns, taken))
        return false;
    schedule_done(schedule, taken, outcome, duration_ns, now_ns + duration_ns);
    return true;
}

static void
visit_all(struct schedule *schedule, int64_t now_ns)
{
    struct schedule_turn taken;

    for (int i = 0; i < COLLECTORS; i++)
        assert_true(turn(schedule, now_ns + i * 10 * MS, FAILURE_NONE, MS, &taken));
}

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
    struct schedule_guest *guests = calloc(GUESTS, sizeof *guests);
    unsigned int calls_in[SECONDS] = {0};
    struct schedule_turn taken;
    char name[32];

    (void)state;
    for (int i = 0; i < GUESTS; i++) {
        snprintf(name, sizeof name, "web-%d", i);
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
test_silence_ends_the_visit_and_backs_off(void **state)
{
    const int64_t waits_s[] = {10, 60, 120, 240, 480, 900, 900};
    struct schedule *schedule = new_schedule(4);
    struct schedule_guest guest = {0};
    struct schedule_turn taken;
    int64_t now_ns = 1000 * S;

    (void)state;
    schedule_add(schedule, &guest, "web-1", now_ns);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
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
        snprintf(name, sizeof name, "dead-%d", i);
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
        schedule_hurry(schedule, &guest, now_ns);
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
    schedule_hurry(schedule, &guest, 1001 * S); /* it is well: nothing */
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
    schedule_hurry(schedule, &guest, 1201 * S);
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
    struct schedule_guest *guests = calloc(GUESTS, sizeof *guests);
    struct schedule_turn flying[CAPACITY];
    unsigned int count = 0, asked[GUESTS] = {0};
    char name[32];

    (void)state;
    srand(7);
    for (int i = 0; i < GUESTS; i++) {
        snprintf(name, sizeof name, "g%d", i);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_visit_is_in_order_with_gaps),
        cmocka_unit_test(test_ticks_are_regular_and_staggered),
        cmocka_unit_test(test_phase_survives_a_restart),
        cmocka_unit_test(test_no_burst_after_a_pause),
        cmocka_unit_test(test_silence_ends_the_visit_and_backs_off),
        cmocka_unit_test(test_a_blocked_probe_is_not_sent),
        cmocka_unit_test(test_silent_guests_use_a_quarter),
        cmocka_unit_test(test_silent_guests_use_a_quarter_of_the_lanes),
        cmocka_unit_test(test_capacity_is_kept),
        cmocka_unit_test(test_slow_command_is_asked_less),
        cmocka_unit_test(test_timeout_of_one_command_stretches_it_alone),
        cmocka_unit_test(test_occupied_is_no_failure),
        cmocka_unit_test(test_frozen_guest_is_asked_only_that),
        cmocka_unit_test(test_garbled_answers_back_off_at_the_limit),
        cmocka_unit_test(test_hold_and_release),
        cmocka_unit_test(test_one_that_always_wakes_late_is_asked_less),
        cmocka_unit_test(test_a_guest_that_wakes_is_probed),
        cmocka_unit_test(test_late_answer_of_a_former_life_tells_nothing),
        cmocka_unit_test(test_blocked_commands_are_not_asked),
        cmocka_unit_test(test_a_longer_interval_leaves_no_gap),
        cmocka_unit_test(test_new_intervals_at_a_reload),
        cmocka_unit_test(test_budget_holds_whatever_happens),
        cmocka_unit_test(test_random_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
