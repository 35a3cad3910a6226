/* What the libvirt source makes of events: which domains it looks at, how often, and
 * what it announces.  Lanes, libvirt and the clock are the test's. */
#include "source/source.h"

#include "config/config.h"
#include "kit/memory.h"
#include "source/libvirt/call.h"
#include "source/libvirt/connection.h"
#include "source/libvirt/control.h"
#include "source/libvirt/events.h"
#include "source/libvirt/link.h"
#include "unit/hand_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define UUID "11111111-1111-1111-1111-111111111111"
#define OTHER "22222222-2222-2222-2222-222222222222"
/* What an event storm may cost at once. */
#define BURST 20

/* --- instead of the other modules --- */

static struct world {
    uv_loop_t loop;
    struct source *source;
    struct libvirt_link *link;
    struct control_job *job;   /* on its way */
    struct call_job *question; /* whether the domain is leaving; on its way */
    unsigned int connection;
    int looks;
    char heard[512];
} world;

struct lanes {
    bool is_control;
};
static struct lanes control_lanes = {.is_control = true}, call_lanes;

const struct lanes_driver libvirt_control_driver, libvirt_call_driver;

struct lanes *
lanes_start(const struct lanes_driver *driver, void *context, unsigned int target,
            unsigned int max, struct mailbox *mailbox)
{
    (void)target;
    (void)max;
    (void)mailbox;
    if (driver == &libvirt_control_driver)
        world.link = context;
    else
        libvirt_link_unref(context);
    return driver == &libvirt_control_driver ? &control_lanes : &call_lanes;
}

bool
lanes_submit(struct lanes *lanes, struct lane_job *job)
{
    if (!lanes->is_control) {
        assert_null(world.question);
        world.question = (struct call_job *)job;
        return false;
    }
    assert_null(world.job); /* one at a time, for one domain */
    world.job = (struct control_job *)job;
    if (world.job->verb == CONTROL_CONNECT)
        world.connection = world.job->connection;
    else
        world.looks++;
    return false;
}

bool
lanes_nudge(struct lanes *lanes)
{
    (void)lanes;
    return false;
}

bool
lanes_has_taken(struct lanes *lanes, const struct lane_job *job)
{
    (void)lanes;
    (void)job;
    return true;
}

unsigned int
lanes_review(struct lanes *lanes, int64_t at_ns, int64_t overdue_ns)
{
    (void)lanes;
    (void)at_ns;
    (void)overdue_ns;
    return 0;
}

struct lanes_figures
lanes_figures(struct lanes *lanes)
{
    (void)lanes;
    return (struct lanes_figures){.lanes = 4};
}

bool
lanes_wind_down(struct lanes *lanes, int64_t deadline_ns)
{
    (void)lanes;
    (void)deadline_ns;
    return true;
}

bool
lanes_stop(struct lanes *lanes, int64_t deadline_ns)
{
    (void)deadline_ns;
    if (lanes->is_control)
        libvirt_link_unref(world.link);
    return true;
}

void
mailbox_start_timer(uv_timer_t *timer, uv_timer_cb callback, int64_t due_ns,
                    bool exactly)
{
    (void)timer;
    (void)callback;
    (void)due_ns;
    (void)exactly;
}

const struct libvirt_events_guard libvirt_connections_guard;

void
libvirt_events_start(const struct libvirt_events_guard *guard)
{
    assert_ptr_equal(guard, &libvirt_connections_guard);
}

void
libvirt_events_stop(void)
{
}

void
libvirt_connections_sever(const void *owner)
{
    (void)owner;
}

struct call_job *
call_job_new(struct libvirt_link *link, struct call *origin)
{
    (void)link;
    (void)origin;
    fail_msg("nobody calls");
    return NULL;
}

struct call_job *
call_job_new_leaving(struct libvirt_link *link, const char *uuid,
                     unsigned int connection,
                     void (*leaving_known)(struct source *source,
                                           const struct call_job *job))
{
    struct call_job *job = memory_new(1, sizeof *job);

    (void)link;
    memcpy(job->uuid, uuid, UUID_BYTES);
    job->connection = connection;
    job->leaving_known = leaving_known;
    return job;
}

struct control_job *
control_job_new(struct libvirt_link *link, enum control_verb verb,
                void (*done)(struct source *source, struct control_job *job))
{
    struct control_job *job = memory_new(1, sizeof *job);

    (void)link;
    job->done = done;
    job->verb = verb;
    return job;
}

/* --- what is heard of it --- */

static void
note(const char *what, const char *key)
{
    size_t length = strlen(world.heard);

    snprintf(world.heard + length, sizeof world.heard - length, "%s %c;", what, *key);
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    static const char *const states[] = {[DOMAIN_RUNNING] = "runs",
                                         [DOMAIN_PAUSED] = "paused",
                                         [DOMAIN_SHUTDOWN] = "shuts down",
                                         [DOMAIN_MIGRATING] = "migrates"};

    (void)context;
    (void)source;
    if (facts->just_started)
        note("started", facts->key);
    if (facts->agent_came)
        note(facts->agent_left ? "agent anew" : "agent", facts->key);
    note(states[facts->domain], facts->key);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)context;
    (void)source;
    note("gone", key);
}

static void
source_up(void *context, struct source *source)
{
    (void)context;
    (void)source;
    note("up", "-");
}

static void
source_down(void *context, struct source *source, const char *why)
{
    (void)context;
    (void)source;
    (void)why;
    note("down", "-");
}

static void
expect(const char *heard)
{
    assert_string_equal(world.heard, heard);
    world.heard[0] = '\0';
}

/* --- what libvirt says --- */

static void
finish_job(void)
{
    struct control_job *job = world.job;

    world.job = NULL;
    job->done(world.source, job);
    free(job->domains);
    free(job);
}

static void
answer_question(bool leaving)
{
    struct call_job *question = world.question;

    world.question = NULL;
    question->leaving = leaving;
    question->leaving_known(world.source, question);
    free(question);
}

/* The look's or the list's only domain. */
static void
answer(enum domain_state state)
{
    static char name[] = "web";

    if (world.question)
        answer_question(state == DOMAIN_MIGRATING);
    struct control_job *job = world.job;

    assert_non_null(job);
    job->domains = memory_new(1, sizeof *job->domains);
    job->domains_count = 1;
    job->domains->name = name;
    job->domains->state = state;
    snprintf(job->domains->uuid, sizeof job->domains->uuid, "%s",
             job->verb == CONTROL_CONNECT ? UUID : job->uuid);
    finish_job();
}

static void
event_of(const char *uuid, enum libvirt_event_kind kind)
{
    struct libvirt_event event = {.kind = kind, .connection = world.connection};

    snprintf(event.uuid, sizeof event.uuid, "%s", uuid);
    world.link->event(world.source, &event);
}

static void
event(enum libvirt_event_kind kind)
{
    event_of(UUID, kind);
}

/* The review's timer runs once a second. */
static void
pass_s(int seconds)
{
    for (int i = 0; i < 4 * seconds; i++) {
        hand_clock_pass(S / 4);
        uv_run(&world.loop, UV_RUN_NOWAIT);
    }
}

static int
set_up(void **state)
{
    static char uri[] = "test:///default";
    static const struct source_listener listener = {.guest_seen = guest_seen,
                                                    .guest_gone = guest_gone,
                                                    .source_up = source_up,
                                                    .source_down = source_down};
    const struct source_config config = {.kind = SOURCE_LIBVIRT,
                                         .libvirt = {.uri = uri, .lanes = 4}};

    (void)state;
    memset(&world, 0, sizeof world);
    uv_loop_init(&world.loop);
    world.source = source_libvirt.start(&config, &world.loop, NULL, &listener);
    answer(DOMAIN_RUNNING);
    expect("runs 1;up -;");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    if (world.job) {
        free(world.job);
        world.job = NULL;
    }
    assert_true(source_libvirt.stop(world.source, hand_clock_ns));
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    return 0;
}

/* --- looks --- */

static void
test_what_happens_during_a_look_is_looked_at(void **state)
{
    (void)state;
    event(LIBVIRT_DOMAIN_CHANGED);
    event(LIBVIRT_AGENT_CONNECTED);
    answer(DOMAIN_PAUSED);
    expect(""); /* it was so before the agent came; perhaps no more */
    answer(DOMAIN_RUNNING);
    expect("agent 1;runs 1;");
    assert_int_equal(world.looks, 2);
}

static void
test_an_agent_that_left_and_came_is_told_as_such(void **state)
{
    (void)state;
    event(LIBVIRT_AGENT_DISCONNECTED);
    event(LIBVIRT_AGENT_CONNECTED);
    answer(DOMAIN_RUNNING);
    answer(DOMAIN_RUNNING);
    expect("agent anew 1;runs 1;");
    event(LIBVIRT_AGENT_CONNECTED);
    answer(DOMAIN_RUNNING);
    expect("agent 1;runs 1;");
}

/* A guest whose agent opens and closes its port as fast as it can. */
static void
test_looks_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        event(LIBVIRT_AGENT_CONNECTED);
        if (world.job)
            answer(DOMAIN_RUNNING);
    }
    assert_true(world.looks >= 2 && world.looks <= BURST + 1);
    world.heard[0] = '\0';
    /* What was left out is looked at soon, and what came is not forgotten. */
    int looks = world.looks;

    for (int i = 0; i < 8 && world.looks == looks; i++)
        pass_s(1);
    assert_int_equal(world.looks, looks + 1);
    answer(DOMAIN_PAUSED);
    expect("agent 1;paused 1;");
    /* For as long as it goes on: one a second, and each is told. */
    for (int i = 0; i < 30; i++) {
        event(LIBVIRT_AGENT_CONNECTED);
        if (world.job)
            answer(DOMAIN_RUNNING);
        pass_s(1);
        if (world.job)
            answer(DOMAIN_RUNNING);
        event(LIBVIRT_DOMAIN_CHANGED);
        if (world.job)
            answer(DOMAIN_RUNNING);
    }
    assert_true(world.looks - looks <= 35);
    assert_true(strlen(world.heard) > 0);
}

/* One guest's storm costs another nothing. */
static void
test_looks_are_bounded_for_each_guest(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        event(LIBVIRT_DOMAIN_CHANGED);
        if (world.job)
            answer(DOMAIN_RUNNING);
    }
    assert_null(world.job);
    event_of(OTHER, LIBVIRT_DOMAIN_STARTED);
    world.heard[0] = '\0';
    answer(DOMAIN_RUNNING);
    expect("started 2;runs 2;");
}

static void
test_calm_again_it_is_looked_at_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        event(LIBVIRT_DOMAIN_CHANGED);
        if (world.job)
            answer(DOMAIN_RUNNING);
    }
    for (int i = 0; i < 2 * BURST; i++) {
        pass_s(1);
        if (world.job)
            answer(DOMAIN_RUNNING);
    }
    int looks = world.looks;

    event(LIBVIRT_DOMAIN_CHANGED);
    assert_int_equal(world.looks, looks + 1);
    answer(DOMAIN_RUNNING);
}

/* --- migrations --- */

static void
test_a_migration_is_followed_to_its_end(void **state)
{
    (void)state;
    event(LIBVIRT_DOMAIN_MIGRATES);
    assert_null(world.job); /* before that is known */
    answer_question(true);
    assert_true(world.job->leaving);
    answer(DOMAIN_MIGRATING);
    expect("migrates 1;");
    assert_null(world.question);
    pass_s(3); /* no event */
    assert_non_null(world.question);
    answer(DOMAIN_MIGRATING);
    /* Other events do not make it forgotten. */
    event(LIBVIRT_DOMAIN_CHANGED);
    assert_non_null(world.question);
    answer(DOMAIN_MIGRATING);
    expect("migrates 1;migrates 1;");
    event(LIBVIRT_DOMAIN_STOPPED);
    answer_question(false);
    world.job->domains_count = 0;
    finish_job();
    expect("gone 1;gone 1;");
    pass_s(5);
    assert_true(!world.job && !world.question);
}

static void
test_a_migration_that_is_given_up(void **state)
{
    (void)state;
    event(LIBVIRT_DOMAIN_MIGRATES);
    answer(DOMAIN_MIGRATING);
    pass_s(3);
    answer(DOMAIN_RUNNING);
    expect("migrates 1;runs 1;");
    pass_s(10);
    assert_true(!world.job && !world.question);
    event(LIBVIRT_DOMAIN_CHANGED);
    assert_null(world.question);
    assert_false(world.job->leaving);
    answer(DOMAIN_RUNNING);
}

/* Its QEMU hangs, and with it the call that asks. */
static void
test_a_migration_that_hangs_holds_up_nobody_else(void **state)
{
    (void)state;
    event(LIBVIRT_DOMAIN_MIGRATES);
    event_of(OTHER, LIBVIRT_DOMAIN_STARTED);
    assert_string_equal(world.job->uuid, OTHER);
    struct call_job *question = world.question;
    world.question = NULL; /* it has not come back */
    answer(DOMAIN_RUNNING);
    expect("started 2;runs 2;");
    event(LIBVIRT_DOMAIN_CHANGED);
    pass_s(10);
    assert_true(!world.job && !world.question); /* and it is not asked again */
    world.question = question;
    answer(DOMAIN_MIGRATING);
    answer(DOMAIN_MIGRATING); /* something had happened */
    expect("migrates 1;");
}

/* The list that follows a reconnect says anew what is true. */
static void
test_a_reconnect_forgets(void **state)
{
    (void)state;
    event(LIBVIRT_DOMAIN_MIGRATES);
    answer(DOMAIN_MIGRATING);
    event(LIBVIRT_CONNECTION_CLOSED);
    expect("migrates 1;down -;");
    pass_s(1);
    assert_int_equal(world.job->verb, CONTROL_CONNECT);
    answer(DOMAIN_RUNNING);
    expect("runs 1;up -;");
    pass_s(5);
    assert_null(world.job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_happens_during_a_look_is_looked_at),
        TEST(test_an_agent_that_left_and_came_is_told_as_such),
        TEST(test_looks_are_bounded),
        TEST(test_looks_are_bounded_for_each_guest),
        TEST(test_calm_again_it_is_looked_at_at_once),
        TEST(test_a_migration_is_followed_to_its_end),
        TEST(test_a_migration_that_is_given_up),
        TEST(test_a_migration_that_hangs_holds_up_nobody_else),
        TEST(test_a_reconnect_forgets),
    };

    return cmocka_run_group_tests_name("libvirt's events", tests, NULL, NULL);
}
