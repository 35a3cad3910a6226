/* The libvirt source: domains that come, go, hang and migrate; calls. */
#include "unit/source/libvirt/world.h"

static int
tear_down(void **state)
{
    struct world *world = *state;

    libvirt.hangs = libvirt.look_hangs = libvirt.list_hangs = false;
    for (int i = 0; i < 9; i++)
        sem_post(&libvirt.answer); /* whatever is still asked */
    virConnectClose(world->own);
    if (world->source)
        assert_true(
            source_libvirt.stop(world->source, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_drain(world->mailbox);
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

/* --- domains --- */

static void
test_domains_come_and_go(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    assert_int_equal(virDomainDestroy(domain), 0);
    expect(world, "gone ;gone ;"); /* by the event's word, and by the look's */
    assert_int_equal(virDomainCreate(domain), 0);
    expect(world, "started test;");
    virDomainFree(domain);
}

static void
test_a_daemon_that_went_is_connected_to_anew(void **state)
{
    struct world *world = *state;

    close_connection(VIR_CONNECT_CLOSE_REASON_EOF);
    expect(world, "down the daemon closed the connection;");
    expect(world, "runs test;up ;");
    close_connection(VIR_CONNECT_CLOSE_REASON_KEEPALIVE);
    expect(world, "down the daemon does not answer keep-alive messages;");
    expect(world, "runs test;up ;");
}

/* Without a look: none can find it. */
static void
test_what_happens_is_told(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    libvirt.reboots(world->own, domain, libvirt.reboots_opaque);
    expect(world, "rebooted ;");
    virDomainFree(domain);
}

/* QEMU is asked whether it is on its way; one that hangs holds up nobody else. */
static void
test_a_migration_that_hangs(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    await_asked(world);
    virDomainPtr started = create(world, "other");

    await(world, "started other;", 1);
    await(world, "migrates test?;", 1); /* nothing better is known */
    sem_post(&libvirt.answer);
    await(world, "migrates test;", 1);
    destroy(started);
    virDomainFree(domain);
}

/* What was asked by a connection that is gone is not the answer to what is asked now.
 */
static void
test_an_answer_of_an_old_connection(void **state)
{
    struct world *world = *state;
    virDomainPtr domain = virDomainLookupByName(world->own, "test");

    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    await_asked(world);
    world->heard[0] = '\0';
    close_connection(VIR_CONNECT_CLOSE_REASON_EOF);
    await(world, "down the daemon closed the connection;runs test;up ;", 1);
    libvirt.migrates(world->own, domain, 1, libvirt.migrates_opaque);
    await_asked(world);
    sem_post(&libvirt.answer); /* one of the two */
    sem_post(&libvirt.answer);
    await(world, "migrates test;", 1);
    virDomainPtr started = create(world, "other");

    await(world, "started other;", 1);
    await(world, "migrates test;", 1); /* and not twice */
    destroy(started);
    virDomainFree(domain);
}

/* --- domains whose QEMU does not answer libvirt --- */

#define STUCK_COUNT 10
#define LANES_MAX 8 /* of definitions */

static uint64_t
lanes_abandoned(const struct world *world)
{
    return source_libvirt.figures(world->source).lanes_abandoned;
}

/* Another guest starts, is suspended and stops, and each is told. */
static void
expect_others_are_followed(struct world *world)
{
    virDomainPtr domain = create(world, "other");

    await(world, "started other;", 1);
    assert_int_equal(virDomainSuspend(domain), 0);
    await(world, "paused other;", 1);
    destroy(domain);
    await(world, "gone ;gone ;", 1);
    world->heard[0] = '\0';
}

/* libvirt says that its monitor is held: the definition is not even asked for. */
static void
test_a_domain_that_is_held(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck = create(world, STUCK "0");

    libvirt.version = LIBVIRT_11;
    libvirt.held = true;
    begin(world);
    await(world, "runs stuck-0?;up ;", 1);
    await(world, "runs test;", 1);
    expect_others_are_followed(world);
    assert_int_equal(libvirt.definitions, 0);
    libvirt.held = false;
    await(world, "runs stuck-0;", 1);
    assert_int_equal(libvirt.definitions, 1);
    destroy(stuck);
}

/* Its monitor was free when libvirt was asked that, and is not any more. */
static void
test_a_definition_that_hangs(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck = create(world, STUCK "0");

    libvirt.hangs = true;
    begin(world);
    await_asked(world);
    await(world, "runs test;", 1);
    pass_s(2); /* the lane is given up and replaced, before it is told without */
    await(world, "runs stuck-0?;up ;", 1);
    assert_true(lanes_abandoned(world) > 0);
    expect_others_are_followed(world);
    assert_int_equal(virDomainSuspend(stuck), 0);
    await(world, "paused stuck-0?;", 1);
    close_connection(VIR_CONNECT_CLOSE_REASON_EOF); /* the daemon is restarted */
    await(world, "paused stuck-0?;up ;", 1);
    await(world, "runs test;", 1);
    expect_others_are_followed(world);
    assert_int_equal(libvirt.definitions, 2); /* one of each connection */
    libvirt.hangs = false;
    sem_post(&libvirt.answer);
    sem_post(&libvirt.answer);
    await(world, "paused stuck-0;", 1);
    destroy(stuck);
}

/* ... with more of them than there may be lanes: no definition comes any more, and what
 * is told without is followed. */
static void
test_many_definitions_that_hang(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck[STUCK_COUNT];
    char name[16];

    for (int i = 0; i < STUCK_COUNT; i++) {
        snprintf(name, sizeof(name), STUCK "%d", i);
        stuck[i] = create(world, name);
    }
    libvirt.hangs = true;
    begin(world);
    await(world, "up ;", 1);
    await(world, "runs stuck-", STUCK_COUNT);
    for (int i = 0; i < LANES_MAX; i++)
        await_asked(world);
    virDomainPtr other = create(world, "other");

    await(world, "runs other?;", 1);
    destroy(other);
    await(world, "gone ;gone ;", 1);
    assert_int_equal(libvirt.definitions, LANES_MAX);
    libvirt.hangs = false;
    world->heard[0] = '\0';
    for (int i = 0; i < STUCK_COUNT; i++)
        sem_post(&libvirt.answer);
    await(world, "runs stuck-", STUCK_COUNT);
    expect_others_are_followed(world);
    for (int i = 0; i < STUCK_COUNT; i++)
        destroy(stuck[i]);
}

/* --- what libvirt does not answer, or does not tell --- */

/* Somebody holds the domain in the daemon.  One lane is left for the others; where both
 * hang, others take their place. */
static void
test_looks_that_hang(void **state)
{
    struct world *world = *state;
    virDomainPtr stuck[2];

    begin(world);
    expect(world, "runs test;up ;");
    for (int i = 0; i < 2; i++) {
        stuck[i] = create(world, i == 0 ? STUCK "0" : STUCK "1");
        await(world, i == 0 ? "started stuck-0;" : "started stuck-1;", 1);
    }
    libvirt.look_hangs = true;
    assert_int_equal(virDomainSuspend(stuck[0]), 0);
    await_asked(world);
    expect_others_are_followed(world);
    assert_int_equal(lanes_abandoned(world), 0);
    assert_int_equal(virDomainSuspend(stuck[1]), 0);
    await_asked(world);
    pass_s(20);
    expect_others_are_followed(world);
    assert_int_equal(lanes_abandoned(world), 2);
    /* While one is out there is no other, whatever happens to that domain. */
    assert_int_equal(virDomainResume(stuck[0]), 0);
    expect_others_are_followed(world);
    assert_int_not_equal(sem_trywait(&libvirt.asked), 0);
    libvirt.look_hangs = false;
    sem_post(&libvirt.answer);
    sem_post(&libvirt.answer);
    await(world, "runs stuck-0;", 1);
    await(world, "paused stuck-1;", 1);
    destroy(stuck[0]);
    destroy(stuck[1]);
}

static void
test_a_list_that_hangs(void **state)
{
    struct world *world = *state;

    libvirt.list_hangs = true;
    begin(world);
    await_asked(world);
    pass_s(30); /* it might still come */
    for (int i = 0; i < 1000; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_string_equal(world->heard, "");
    pass_s(11);
    expect(world, "down the daemon does not tell which domains there are;");
    assert_int_equal(lanes_abandoned(world), 1);
    await_asked(world); /* another one */
    libvirt.list_hangs = false;
    sem_post(&libvirt.answer);
    sem_post(&libvirt.answer);
    expect(world, "runs test;up ;");
    expect_others_are_followed(world);
}

/* No event tells that one has started, nor that it has stopped. */
static void
test_what_events_lost_is_found(void **state)
{
    struct world *world = *state;

    libvirt.is_deaf = true;
    begin(world);
    expect(world, "runs test;up ;");
    virDomainPtr other = create(world, "other");

    pass_s(301);
    await(world, "runs other;", 1);
    await(world, "runs test;", 1); /* nothing is asked while the time passes */
    destroy(other);
    world->heard[0] = '\0';
    pass_s(301);
    await(world, "gone ;", 1);
    await(world, "runs test;", 1);
}

/* --- calls --- */

static void
run_until_done(struct world *world, int done)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (world->done < done && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->done, done);
}

static void
test_calls_wait_for_their_lane(void **state)
{
    struct world *world = *state;
    struct call first = call_of(world), second = call_of(world);

    source_libvirt.call(world->source, &first);
    source_libvirt.call(world->source, &second);
    await_asked(world);
    assert_int_equal(source_libvirt.stage(world->source, &first), CALL_RUNS);
    assert_int_equal(source_libvirt.stage(world->source, &second), CALL_WAITS);
    struct source_figures figures = source_libvirt.figures(world->source);

    assert_true(figures.has_lanes && !figures.has_sockets);
    assert_int_equal(figures.lanes, 1);
    assert_int_equal(figures.lanes_in_use, 1);
    assert_int_equal(source_libvirt.capacity(world->source).lanes, 1);
    assert_int_equal(world->done, 0);
    sem_post(&libvirt.answer);
    run_until_done(world, 1);
    assert_string_equal(first.answer.reply, "{\"return\": 1}");
    assert_int_equal(first.answer.reply_length, strlen("{\"return\": 1}"));
    assert_int_equal(first.answer.failure.kind, FAILURE_NONE);
    assert_true(first.answer.received_mono_ns >= first.answer.sent_mono_ns);
    assert_null(second.answer.reply);
    sem_post(&libvirt.answer);
    run_until_done(world, 2);
    free(first.answer.reply);
    free(second.answer.reply);
}

/* Its lane, and its place, are others'. */
static void
test_a_call_that_hangs_is_given_up(void **state)
{
    struct world *world = *state;
    struct call first = call_of(world), second = call_of(world);
    struct source_capacity before = source_libvirt.capacity(world->source);

    source_libvirt.call(world->source, &first);
    await_asked(world);
    pass_s(10);
    source_libvirt.call(world->source, &second);
    for (int i = 0; i < 1000; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_int_equal(source_libvirt.stage(world->source, &first), CALL_RUNS);
    pass_s(6);
    await_asked(world);
    assert_int_equal(source_libvirt.stage(world->source, &first), CALL_GIVEN_UP);
    assert_int_equal(source_libvirt.stage(world->source, &second), CALL_RUNS);
    assert_int_equal(lanes_abandoned(world), 1);
    assert_int_equal(source_libvirt.capacity(world->source).lanes, before.lanes);
    assert_int_equal(source_libvirt.capacity(world->source).calls, before.calls);
    sem_post(&libvirt.answer);
    sem_post(&libvirt.answer);
    run_until_done(world, 2);
    free(first.answer.reply);
    free(second.answer.reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up_world, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_domains_come_and_go),
        TEST(test_what_happens_is_told),
        TEST(test_a_daemon_that_went_is_connected_to_anew),
        TEST(test_a_migration_that_hangs),
        TEST(test_an_answer_of_an_old_connection),
        TEST_WORLD(test_a_domain_that_is_held),
        TEST_WORLD(test_a_definition_that_hangs),
        TEST_WORLD(test_many_definitions_that_hang),
        TEST_WORLD(test_looks_that_hang),
        TEST_WORLD(test_a_list_that_hangs),
        TEST_WORLD(test_what_events_lost_is_found),
        TEST(test_a_call_that_hangs_is_given_up),
        TEST(test_calls_wait_for_their_lane),
    };

    sem_init(&libvirt.asked, 0, 0);
    sem_init(&libvirt.answer, 0, 0);
    return cmocka_run_group_tests_name("libvirt source", tests, NULL, NULL);
}
