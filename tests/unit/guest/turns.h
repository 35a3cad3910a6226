/* A schedule of three collectors, and turns taken by hand. */
#ifndef UNIT_GUEST_TURNS_H
#define UNIT_GUEST_TURNS_H

#include "guest/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka_any.h"

#define MS INT64_C(1000000)
#define S (INT64_C(1000) * MS)
#define MINUTE (60 * S)

enum { CLOCK, INFO, SLOW, COLLECTORS };

static inline struct schedule_settings
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
        .opening = SLOW,
        .failures_before_backoff = 2,
        .backoff_ns = 60 * S,
        .backoff_max_ns = 15 * MINUTE,
    };
}

static inline struct schedule *
new_schedule(unsigned int capacity)
{
    const struct schedule_settings settings = settings_with(capacity);

    return schedule_new(&settings);
}

/* Takes the guest's next turn at now_ns, and answers it after 5 ms. */
static inline bool
turn(struct schedule *schedule, int64_t now_ns, enum failure_kind outcome,
     int64_t duration_ns, struct schedule_turn *taken)
{
    if (!schedule_next(schedule, now_ns, taken))
        return false;
    schedule_done(schedule, taken, outcome, duration_ns, now_ns + duration_ns);
    return true;
}

static inline void
visit_all(struct schedule *schedule, int64_t now_ns)
{
    struct schedule_turn taken;

    for (int i = 0; i < COLLECTORS; i++)
        assert_true(turn(schedule, now_ns + i * 10 * MS, FAILURE_NONE, MS, &taken));
}

#endif
