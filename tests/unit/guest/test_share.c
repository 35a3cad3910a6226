/* What guests spend, and what becomes of those that spend too much. */
#include "guest/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "unit/cmocka_any.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define MINUTE (60 * S)
#define START (1000 * S)

/* One call each so often, for so long. */
struct habit {
    int64_t took_ns, each_ns, for_ns;
};

/* How long the guest was confined in that time. */
static int64_t
live(struct share *share, const struct habit *habit)
{
    int64_t confined_ns = 0;

    for (int64_t now_ns = START; now_ns < START + habit->for_ns;
         now_ns += habit->each_ns) {
        share_spend_lane(share, habit->took_ns, now_ns);
        if (share_review(share, now_ns))
            confined_ns += habit->each_ns;
    }
    return confined_ns;
}

static void
test_who_is_confined(void **state)
{
    static const struct {
        const char *who;
        struct habit habit;
        int64_t least_ns, most_ns; /* confined */
    } cases[] = {
        {"an honest guest", {5 * MS, 2 * S, 60 * MINUTE}, 0, 0},
        {"one on a slow host", {150 * MS, 4 * S, 60 * MINUTE}, 0, 0},
        {"one slow answer each quarter of an hour",
         {1900 * MS, 15 * MINUTE, 5 * 60 * MINUTE},
         0,
         0},
        {"every call to the limit",
         {4800 * MS, 5 * S, 60 * MINUTE},
         60 * MINUTE,
         60 * MINUTE},
        /* In its place among the others of its kind: for nearly all of the time. */
        {"... as often as it then is asked",
         {4800 * MS, 144 * S, 10 * 60 * MINUTE},
         9 * 60 * MINUTE,
         10 * 60 * MINUTE},
        {"late always", {2900 * MS, 3 * S, 60 * MINUTE}, 60 * MINUTE, 60 * MINUTE},
        {"an eighth of a lane",
         {250 * MS, 2 * S, 60 * MINUTE},
         55 * MINUTE,
         60 * MINUTE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct share share = {0};
        int64_t confined_ns = live(&share, &cases[i].habit);

        if (confined_ns < cases[i].least_ns || confined_ns > cases[i].most_ns)
            fail_msg("%s: confined for %lld s", cases[i].who,
                     (long long)(confined_ns / S));
    }
}

/* When it is free again after one spending of five seconds at START. */
static int64_t
free_after(struct share *share, int64_t start_ns)
{
    int64_t now_ns = start_ns;

    share_spend_lane(share, 5 * S, now_ns);
    assert_true(share_review(share, now_ns));
    while (share_review(share, now_ns))
        now_ns += S;
    return now_ns - start_ns;
}

static void
test_each_time_it_is_for_longer(void **state)
{
    static const int64_t minutes[] = {5, 10, 20, 40, 80, 80};
    struct share share = {0};
    int64_t now_ns = START;

    (void)state;
    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
        int64_t took_ns = free_after(&share, now_ns);

        assert_int_equal(took_ns, 5 * S * SHARE_LANE_PART + minutes[i] * MINUTE);
        now_ns += took_ns;
    }
    now_ns += SHARE_DEBT_MAX_NS + S; /* it was well for long */
    assert_int_equal(free_after(&share, now_ns), 5 * S * SHARE_LANE_PART + 5 * MINUTE);
}

/* Whatever it has spent, and however often. */
static void
test_no_debt_is_for_ever(void **state)
{
    struct share share = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        share_spend_lane(&share, INT64_MAX, START);
        share_spend_loop(&share, INT64_MAX, START);
    }
    share_spend_lane(&share, -S, START); /* no clock of ours goes back; all the same */
    assert_true(share_review(&share, START + SHARE_DEBT_MAX_NS - 1));
    assert_false(share_review(&share, START + SHARE_DEBT_MAX_NS));
    assert_true(share_allowed_ns(&share) <= START + SHARE_DEBT_MAX_NS);
}

/* Replies that take 100 ms each: at most one in 20 s, in the long run. */
static void
test_the_loop_is_shared(void **state)
{
    struct share share = {0};
    int64_t now_ns = START;
    int answers = 0;

    (void)state;
    while (now_ns < START + 60 * MINUTE) {
        share_spend_loop(&share, 100 * MS, now_ns);
        assert_false(share_review(&share, now_ns)); /* its lane is its own matter */
        answers++;
        now_ns += S;
        if (share_allowed_ns(&share) > now_ns)
            now_ns = share_allowed_ns(&share);
    }
    assert_in_range(answers, 180, 185);
}

static void
test_an_honest_guest_never_waits_for_the_loop(void **state)
{
    struct share share = {0};

    (void)state;
    for (int64_t now_ns = START; now_ns < START + 60 * MINUTE; now_ns += S) {
        share_spend_loop(&share, 2 * MS, now_ns);
        assert_true(share_allowed_ns(&share) <= now_ns);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_confined),
        cmocka_unit_test(test_each_time_it_is_for_longer),
        cmocka_unit_test(test_no_debt_is_for_ever),
        cmocka_unit_test(test_the_loop_is_shared),
        cmocka_unit_test(test_an_honest_guest_never_waits_for_the_loop),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
