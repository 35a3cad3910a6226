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

/* Another reason is told as well, though it is paused as before. */
static void
test_why_it_is_paused(void **state)
{
    static const enum pause_reason reasons[] = {PAUSE_USER, PAUSE_IO_ERROR};
    static char name[] = "web";
    struct source *source = *state;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct domain_description domain = {
            .name = name, .state = DOMAIN_PAUSED, .pause = reasons[i]};

        event(source, LIBVIRT_DOMAIN_CHANGED);
        take_look(source, domain.uuid);
        looks_done(source->looks, domain.uuid, &domain, source->now_ns);
        answer_definition(source, &of_channel);
        expect(source, "paused 1;");
        assert_int_equal(source->pause, reasons[i]);
    }
}

static void
test_a_look_that_fails_says_nothing(void **state)
{
    struct source *source = *state;
    char uuid[UUID_BYTES];

    event(source, LIBVIRT_AGENT_CONNECTED);
    looks_failed(source->looks, take_look(source, uuid), source->now_ns);
    event(source, LIBVIRT_DOMAIN_CHANGED); /* does not wait */
    answer(source, DOMAIN_RUNNING);
    expect(source, "agent 1;runs 1;"); /* what it was about is not forgotten */
    pass_s(source, 60);
    assert_false(is_looking(source));
    looks_failed(source->looks, OTHER, source->now_ns);
}

/* Not that it is gone: it is looked at until libvirt says something. */
static void
test_a_look_that_fails_is_repeated(void **state)
{
    const int waits_s[] = {1, 2, 4, 8, 16, 32, 32};
    struct source *source = *state;
    char uuid[UUID_BYTES];

    for (int round = 0; round < 2; round++) {
        event(source, LIBVIRT_DOMAIN_CHANGED);
        for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
            looks_failed(source->looks, take_look(source, uuid), source->now_ns);
            pass_s(source, waits_s[i] - 1);
            assert_false(is_looking(source));
            pass_s(source, 1);
        }
        answer(source, DOMAIN_RUNNING);
        expect(source, "runs 1;");
    }
}

/* --- the reconciliation --- */

#define MANY 50

static void
test_what_no_event_told_is_found(void **state)
{
    struct source *source = *state;
    struct domain_description listed[] = {{.uuid = OTHER}};

    event(source, LIBVIRT_DOMAIN_STARTED);
    answer(source, DOMAIN_RUNNING);
    expect(source, "started 1;runs 1;");
    pass_s(source, 100);
    looks_reconcile(source->looks, listed, 1);
    assert_false(is_looking(source)); /* in its turn */
    source->takes_all = true;
    pass_s(source, 1);
    assert_int_equal(source->count, 3);
    looks_done(source->looks, UUID, NULL, source->now_ns);
    memcpy(source->asked, OTHER, UUID_BYTES);
    answer(source, DOMAIN_RUNNING);
    assert_non_null(strstr(source->heard, "gone 1;"));
    assert_non_null(strstr(source->heard, "runs 2;"));
    source->heard[0] = '\0';
    pass_s(source, 100);
    assert_false(is_looking(source));
    looks_reconcile(source->looks, NULL, 0); /* what is gone is not looked for again */
    pass_s(source, 1);
    answer_gone(source);
    expect(source, "gone 2;");
    looks_reconcile(source->looks, NULL, 0);
    pass_s(source, 5);
    assert_false(is_looking(source));
}

/* What something happens to is not to wait for them. */
static void
test_many_are_reconciled_by_and_by(void **state)
{
    struct source *source = *state;
    struct domain_description listed[MANY] = {0};

    for (int i = 0; i < MANY; i++)
        snprintf(listed[i].uuid, sizeof(listed[i].uuid), "%08d", i);
    source->takes_all = true;
    looks_reconcile(source->looks, listed, MANY);
    pass_s(source, 1);
    assert_int_equal(source->count, LOOKS_RECONCILED);
    looks_review(source->looks, source->now_ns); /* in the same second */
    assert_int_equal(source->count, LOOKS_RECONCILED);
    pass_s(source, 1);
    assert_int_equal(source->count, 2 * LOOKS_RECONCILED);
    pass_s(source, 10);
    assert_int_equal(source->count, MANY);
}

/* Listed as it connects, when its state could not be told. */
static void
test_a_vague_one_is_looked_at(void **state)
{
    static char name[] = "web";
    struct source *source = *state;
    struct domain_description domain = {.uuid = UUID, .name = name, .is_vague = true};

    looks_list(source->looks, &domain, source->now_ns);
    answer_definition(source, &of_channel);
    expect(source, "runs 1;"); /* others do not wait for it */
    pass_s(source, 1);
    answer(source, DOMAIN_PAUSED);
    expect(source, "paused 1;");
    pass_s(source, 5);
    assert_false(is_looking(source));
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

/* QEMU tells of it at both ends; who waits there for its memory does not leave. */
static void
test_a_migration_that_comes(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_MIGRATES);
    answer(source, DOMAIN_PAUSED);
    assert_false(source->migrates);
    expect(source, "paused 1;");
    pass_s(source, 10);
    assert_false(is_looking(source));
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
        TEST(test_why_it_is_paused),
        TEST(test_a_look_that_fails_says_nothing),
        TEST(test_a_look_that_fails_is_repeated),
        TEST(test_what_no_event_told_is_found),
        TEST(test_many_are_reconciled_by_and_by),
        TEST(test_a_vague_one_is_looked_at),
        TEST(test_looks_are_bounded),
        TEST(test_looks_are_bounded_for_each_guest),
        TEST(test_calm_again_it_is_looked_at_at_once),
        TEST(test_a_migration_is_followed_to_its_end),
        TEST(test_a_migration_that_is_given_up),
        TEST(test_a_migration_that_comes),
        TEST(test_a_migration_whose_qemu_hangs),
        TEST(test_a_look_that_hangs_is_not_repeated),
        TEST(test_another_connection_knows_nothing),
    };

    return cmocka_run_group_tests_name("looks", tests, NULL, NULL);
}
