/* Lanes and the mailbox with real threads: order, hanging lanes, the end. */
#include "base/lanes.h"

#include "base/clock.h"
#include "kit/memory.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

/* What the lanes of one test share. */
struct site {
    sem_t hanging; /* a lane is in its job and will stay there ... */
    sem_t go_on;   /* ... until this */
    sem_t closing; /* so many lanes may end; the others wait */
    bool ends_late;
    atomic_int dropped, opened, closed, released;
    int delivered;
    uv_loop_t loop;
    struct mailbox *mailbox;
};

struct work {
    struct lane_job job;
    struct site *site;
    bool hangs;
    bool done;
};

static void *
site_open(void *context)
{
    struct site *site = context;

    atomic_fetch_add(&site->opened, 1);
    return site;
}

static void
site_run(void *lane, struct lane_job *job)
{
    struct site *site = lane;
    struct work *work = (struct work *)job;

    if (work->hangs) {
        sem_post(&site->hanging);
        sem_wait(&site->go_on);
    }
    work->done = true;
}

static void
site_close(void *lane)
{
    struct site *site = lane;

    if (site->ends_late)
        sem_wait(&site->closing);
    atomic_fetch_add(&site->closed, 1);
}

static void
site_drop(struct lane_job *job)
{
    struct work *work = (struct work *)job;

    atomic_fetch_add(&work->site->dropped, 1);
    free(work);
}

static void
site_release(void *context)
{
    struct site *site = context;

    atomic_fetch_add(&site->released, 1);
}

static const struct lanes_driver driver = {
    .open = site_open,
    .run = site_run,
    .close = site_close,
    .drop = site_drop,
    .release = site_release,
};

static void
delivered(struct mail *mail)
{
    struct work *work = (struct work *)mail;

    assert_true(work->done);
    work->site->delivered++;
    free(work);
}

/* The job lives until it is delivered. */
static const struct lane_job *
submit(struct lanes *lanes, struct site *site, bool hangs)
{
    struct work *work = memory_new(1, sizeof(*work));

    work->job.mail.deliver = delivered;
    work->site = site;
    work->hangs = hangs;
    lanes_submit(lanes, &work->job);
    return &work->job;
}

static void
open_site(struct site *site)
{
    memset(site, 0, sizeof(*site));
    sem_init(&site->hanging, 0, 0);
    sem_init(&site->go_on, 0, 0);
    sem_init(&site->closing, 0, 0);
    uv_loop_init(&site->loop);
    site->mailbox = mailbox_new(&site->loop);
}

static void
run_until_delivered(struct site *site, int count)
{
    while (site->delivered < count)
        uv_run(&site->loop, UV_RUN_ONCE);
}

static void
close_site(struct site *site)
{
    mailbox_drain(site->mailbox);
    mailbox_close(site->mailbox);
    uv_run(&site->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&site->loop), 0);
}

static void
test_jobs_come_back(void **state)
{
    struct site site;

    (void)state;
    open_site(&site);
    struct lanes *lanes = lanes_start(&driver, &site, 4, 8, site.mailbox);

    for (int i = 0; i < 1000; i++)
        submit(lanes, &site, false);
    run_until_delivered(&site, 1000);
    assert_int_equal(lanes_figures(lanes).lanes, 4);
    assert_true(lanes_stop(lanes, clock_monotonic_ns() + PATIENCE_NS));
    assert_int_equal(site.opened, 4);
    assert_int_equal(site.closed, 4);
    assert_int_equal(site.released, 1);
    close_site(&site);
}

/* Each takes one as long as there are lanes without work; what is beyond waits. */
static void
test_jobs_have_a_lane_each(void **state)
{
    struct site site;

    (void)state;
    open_site(&site);
    struct lanes *lanes = lanes_start(&driver, &site, 2, 4, site.mailbox);
    const struct lane_job *first = submit(lanes, &site, true);
    const struct lane_job *second = submit(lanes, &site, true);

    sem_wait(&site.hanging);
    sem_wait(&site.hanging);
    const struct lane_job *third = submit(lanes, &site, true);

    assert_int_equal(lanes_stage(lanes, first), LANE_RUNS);
    assert_int_equal(lanes_stage(lanes, second), LANE_RUNS);
    assert_int_equal(lanes_stage(lanes, third), LANE_WAITS);
    assert_int_equal(lanes_figures(lanes).in_use, 2);
    sem_post(&site.go_on);
    sem_wait(&site.hanging);
    assert_int_equal(lanes_stage(lanes, third), LANE_RUNS);
    sem_post(&site.go_on);
    sem_post(&site.go_on);
    run_until_delivered(&site, 3);
    assert_true(lanes_stop(lanes, clock_monotonic_ns() + PATIENCE_NS));
    close_site(&site);
}

static void
test_hanging_lanes_are_replaced_up_to_the_bound(void **state)
{
    struct site site;

    (void)state;
    open_site(&site);
    struct lanes *lanes = lanes_start(&driver, &site, 2, 4, site.mailbox);

    for (int round = 0; round < 2; round++) {
        int64_t before_ns = clock_monotonic_ns();

        const struct lane_job *job = submit(lanes, &site, true);

        submit(lanes, &site, true);
        sem_wait(&site.hanging);
        sem_wait(&site.hanging);
        int64_t after_ns = clock_monotonic_ns();

        assert_int_equal(lanes_review(lanes, before_ns + 10 * S, 10 * S), 0);
        assert_int_equal(lanes_stage(lanes, job), LANE_RUNS);
        assert_int_equal(lanes_review(lanes, after_ns + 10 * S + 1, 10 * S), 2);
        assert_int_equal(lanes_stage(lanes, job), LANE_GIVEN_UP);
    }
    struct lanes_figures figures = lanes_figures(lanes);

    assert_int_equal(figures.lanes, 4); /* the bound */
    assert_int_equal(figures.abandoned, 4);
    assert_int_equal(figures.abandoned_total, 4);

    /* All come back: what is too many ends, the rest serves. */
    for (int i = 0; i < 4; i++)
        sem_post(&site.go_on);
    run_until_delivered(&site, 4);
    for (int i = 0; i < 100; i++)
        submit(lanes, &site, false);
    run_until_delivered(&site, 104);
    while (lanes_figures(lanes).lanes > 2)
        sched_yield();
    assert_int_equal(lanes_figures(lanes).abandoned, 0);
    assert_true(lanes_stop(lanes, clock_monotonic_ns() + PATIENCE_NS));
    close_site(&site);
}

/* One comes back and is one too many; until it has closed its connection, which may
 * take long, the others must serve on. */
static void
test_one_lane_too_many_is_the_end_of_one_lane(void **state)
{
    struct site site;

    (void)state;
    open_site(&site);
    struct lanes *lanes = lanes_start(&driver, &site, 2, 4, site.mailbox);

    site.ends_late = true;
    submit(lanes, &site, true);
    sem_wait(&site.hanging);
    assert_int_equal(lanes_review(lanes, clock_monotonic_ns() + 11 * S, 10 * S), 1);
    assert_int_equal(lanes_figures(lanes).lanes, 3);
    sem_post(&site.go_on);
    run_until_delivered(&site, 1);
    for (int i = 0; i < 100; i++) {
        submit(lanes, &site, false);
        run_until_delivered(&site, i + 2);
    }
    assert_int_equal(lanes_figures(lanes).lanes, 3); /* one of them at its end */
    for (int i = 0; i < 3; i++)
        sem_post(&site.closing);
    assert_true(lanes_stop(lanes, clock_monotonic_ns() + PATIENCE_NS));
    close_site(&site);
}

static void
test_the_end_does_not_wait_for_a_hanging_lane(void **state)
{
    struct site site;

    (void)state;
    open_site(&site);
    struct lanes *lanes = lanes_start(&driver, &site, 1, 1, site.mailbox);

    submit(lanes, &site, true);
    submit(lanes, &site, false); /* never run */
    sem_wait(&site.hanging);
    assert_false(lanes_stop(lanes, clock_monotonic_ns()));
    assert_int_equal(site.dropped, 1);
    assert_int_equal(site.released, 0);

    /* It comes back to nobody, and the last one out turns off the light. */
    sem_post(&site.go_on);
    while (atomic_load(&site.released) == 0)
        sched_yield();
    assert_int_equal(site.dropped, 2);
    assert_int_equal(site.delivered, 0);
    close_site(&site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_come_back),
        cmocka_unit_test(test_jobs_have_a_lane_each),
        cmocka_unit_test(test_hanging_lanes_are_replaced_up_to_the_bound),
        cmocka_unit_test(test_one_lane_too_many_is_the_end_of_one_lane),
        cmocka_unit_test(test_the_end_does_not_wait_for_a_hanging_lane),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
