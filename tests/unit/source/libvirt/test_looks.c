/* Which domains are looked at and how often; domains that migrate. */
#include "unit/source/libvirt/looks_world.h"

/* --- looks --- */

static void
test_what_happens_during_a_look_is_looked_at(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_CHANGED);
    event(source, LIBVIRT_AGENT_CONNECTED);
    answer(source, DOMAIN_PAUSED);
    expect(source, ""); /* it was so before the agent came; perhaps no more */
    answer(source, DOMAIN_RUNNING);
    expect(source, "agent 1;runs 1;");
    assert_int_equal(source->count, 2);
}

static void
test_an_agent_that_left_and_came_is_told_as_such(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_AGENT_DISCONNECTED);
    event(source, LIBVIRT_AGENT_CONNECTED);
    answer(source, DOMAIN_RUNNING);
    answer(source, DOMAIN_RUNNING);
    expect(source, "agent anew 1;runs 1;");
    event(source, LIBVIRT_AGENT_CONNECTED);
    answer(source, DOMAIN_RUNNING);
    expect(source, "agent 1;runs 1;");
}

static void
test_a_stop_is_told_at_once(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_STOPPED);
    expect(source, "gone 1;");
    event(source, LIBVIRT_DOMAIN_STARTED); /* anew, while it is looked at */
    answer_gone(source);
    expect(source, "");
    answer(source, DOMAIN_RUNNING);
    expect(source, "started 1;runs 1;");
}

static void
test_a_look_that_fails_says_nothing(void **state)
{
    struct source *source = *state;
    char uuid[UUID_BYTES];

    event(source, LIBVIRT_AGENT_CONNECTED);
    looks_failed(source->looks, take_look(source, uuid));
    pass_s(source, 5);
    assert_false(is_looking(source));
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer(source, DOMAIN_RUNNING);
    expect(source, "runs 1;"); /* and what it was about is forgotten */
    looks_failed(source->looks, OTHER);
}

/* A guest whose agent opens and closes its port as fast as it can. */
static void
test_looks_are_bounded(void **state)
{
    struct source *source = *state;

    for (int i = 0; i < 1000; i++) {
        event(source, LIBVIRT_AGENT_CONNECTED);
        if (is_looking(source))
            answer(source, DOMAIN_RUNNING);
    }
    assert_int_equal(source->count, LOOKS_BURST);
    source->heard[0] = '\0';
    /* What was left out is looked at soon, and what came is not forgotten. */
    pass_s(source, 1);
    assert_int_equal(source->count, LOOKS_BURST + 1);
    answer(source, DOMAIN_PAUSED);
    expect(source, "agent 1;paused 1;");
    /* For as long as it goes on: one a second, and each is told. */
    for (int i = 0; i < 30; i++) {
        event(source, LIBVIRT_AGENT_CONNECTED);
        assert_false(is_looking(source));
        pass_s(source, 1);
        answer(source, DOMAIN_RUNNING);
        expect(source, "agent 1;runs 1;");
    }
}

/* One guest's storm costs another nothing. */
static void
test_looks_are_bounded_for_each_guest(void **state)
{
    struct source *source = *state;

    for (int i = 0; i < 100; i++) {
        event(source, LIBVIRT_DOMAIN_CHANGED);
        if (is_looking(source))
            answer(source, DOMAIN_RUNNING);
    }
    source->heard[0] = '\0';
    event_of(source, OTHER, LIBVIRT_DOMAIN_STARTED);
    answer(source, DOMAIN_RUNNING);
    expect(source, "started 2;runs 2;");
}

static void
test_calm_again_it_is_looked_at_at_once(void **state)
{
    struct source *source = *state;

    for (int i = 0; i < 100; i++) {
        event(source, LIBVIRT_DOMAIN_CHANGED);
        if (is_looking(source))
            answer(source, DOMAIN_RUNNING);
    }
    for (int i = 0; i < 2 * LOOKS_BURST; i++) {
        pass_s(source, 1);
        if (is_looking(source))
            answer(source, DOMAIN_RUNNING);
    }
    int before = source->count;

    for (int i = 0; i < LOOKS_BURST; i++) {
        event(source, LIBVIRT_DOMAIN_CHANGED);
        answer(source, DOMAIN_RUNNING);
    }
    assert_int_equal(source->count, before + LOOKS_BURST);
}

/* --- migrations --- */

static void
test_a_migration_is_followed_to_its_end(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_MIGRATES);
    answer(source, DOMAIN_MIGRATING);
    assert_true(source->migrates);
    expect(source, "migrates 1;");
    pass_s(source, 1);
    assert_false(is_looking(source));
    pass_s(source, 1); /* no event */
    answer(source, DOMAIN_MIGRATING);
    assert_true(source->migrates);
    /* Other events do not make it forgotten. */
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer(source, DOMAIN_MIGRATING);
    assert_true(source->migrates);
    expect(source, "migrates 1;migrates 1;");
    event(source, LIBVIRT_DOMAIN_STOPPED);
    answer_gone(source);
    expect(source, "gone 1;gone 1;");
    pass_s(source, 5);
    assert_false(is_looking(source));
}

static void
test_a_migration_that_is_given_up(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_MIGRATES);
    answer(source, DOMAIN_MIGRATING);
    pass_s(source, 2);
    answer(source, DOMAIN_RUNNING);
    expect(source, "migrates 1;runs 1;");
    pass_s(source, 10);
    assert_false(is_looking(source));
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer(source, DOMAIN_RUNNING);
    assert_false(source->migrates);
}

/* Its QEMU does not say whether it still does: libvirt's word holds. */
static void
test_a_migration_whose_qemu_hangs(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_MIGRATES);
    answer_state(source, DOMAIN_RUNNING);
    answer_definition(source, &held);
    pass_s(source, 1);
    expect(source, "migrates 1;undefined 1;");
    answer_definition(source, &of_channel); /* it does not leave any more */
    expect(source, "runs 1;");
}

/* The control connection hangs, and with it the look. */
static void
test_a_look_that_hangs_is_not_repeated(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_MIGRATES);
    source->asked[0] = '\0'; /* it has not come back */
    event_of(source, OTHER, LIBVIRT_DOMAIN_STARTED);
    answer(source, DOMAIN_RUNNING);
    expect(source, "started 2;runs 2;");
    event(source, LIBVIRT_DOMAIN_CHANGED);
    pass_s(source, 10);
    assert_false(is_looking(source));
    memcpy(source->asked, UUID, UUID_BYTES);
    answer(source, DOMAIN_MIGRATING);
    answer(source, DOMAIN_MIGRATING); /* something had happened */
    expect(source, "migrates 1;");
}

/* The list that follows a reconnect says anew what is true. */
static void
test_another_connection_knows_nothing(void **state)
{
    struct source *source = *state;
    char uuid[UUID_BYTES];

    event(source, LIBVIRT_DOMAIN_MIGRATES);
    answer(source, DOMAIN_MIGRATING);
    event(source, LIBVIRT_AGENT_CONNECTED);
    looks_forget(source->looks);
    looks_done(source->looks, take_look(source, uuid), NULL, source->now_ns);
    expect(source, "migrates 1;");
    pass_s(source, 5);
    assert_false(is_looking(source));
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer(source, DOMAIN_RUNNING);
    assert_false(source->migrates);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_happens_during_a_look_is_looked_at),
        TEST(test_an_agent_that_left_and_came_is_told_as_such),
        TEST(test_a_stop_is_told_at_once),
        TEST(test_a_look_that_fails_says_nothing),
        TEST(test_looks_are_bounded),
        TEST(test_looks_are_bounded_for_each_guest),
        TEST(test_calm_again_it_is_looked_at_at_once),
        TEST(test_a_migration_is_followed_to_its_end),
        TEST(test_a_migration_that_is_given_up),
        TEST(test_a_migration_whose_qemu_hangs),
        TEST(test_a_look_that_hangs_is_not_repeated),
        TEST(test_another_connection_knows_nothing),
    };

    return cmocka_run_group_tests_name("looks", tests, NULL, NULL);
}
