/* What is made of events: which domains are looked at, how often, and what is announced
 * of them.  Plain values: the libvirt and the clock are the test's. */
#include "source/libvirt/looks.h"

#include "source/libvirt/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define UUID "11111111-1111-1111-1111-111111111111"
#define OTHER "22222222-2222-2222-2222-222222222222"

struct source {
    struct looks *looks;
    int64_t now_ns;
    char asked[UUID_BYTES]; /* the look on its way; "": none */
    bool migrates;
    int count; /* of looks so far */
    char heard[1024];
};

static void
look(struct source *source, const char *uuid, bool migrates)
{
    assert_string_equal(source->asked, ""); /* one at a time, for one domain */
    snprintf(source->asked, sizeof(source->asked), "%s", uuid);
    source->migrates = migrates;
    source->count++;
}

/* --- what is heard of it --- */

static void
note(struct source *source, const char *what, const char *key)
{
    size_t length = strlen(source->heard);

    snprintf(source->heard + length, sizeof(source->heard) - length, "%s %c;", what,
             *key);
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    static const char *const states[] = {[DOMAIN_RUNNING] = "runs",
                                         [DOMAIN_PAUSED] = "paused",
                                         [DOMAIN_SHUTDOWN] = "shuts down",
                                         [DOMAIN_MIGRATING] = "migrates"};

    (void)context;
    if (facts->just_started)
        note(source, "started", facts->key);
    if (facts->agent_connected)
        note(source, facts->agent_disconnected ? "agent anew" : "agent", facts->key);
    note(source, states[facts->domain], facts->key);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)context;
    note(source, "gone", key);
}

static void
expect(struct source *source, const char *heard)
{
    assert_string_equal(source->heard, heard);
    source->heard[0] = '\0';
}

/* --- what libvirt says --- */

static void
event_of(struct source *source, const char *uuid, enum libvirt_event_kind kind)
{
    looks_take_event(source->looks, kind, uuid, source->now_ns);
}

static void
event(struct source *source, enum libvirt_event_kind kind)
{
    event_of(source, UUID, kind);
}

static const char *
take_look(struct source *source, char uuid[UUID_BYTES])
{
    assert_string_not_equal(source->asked, "");
    memcpy(uuid, source->asked, UUID_BYTES);
    source->asked[0] = '\0';
    return uuid;
}

static void
answer(struct source *source, enum domain_state state)
{
    static char name[] = "web";
    struct domain_description domain = {.name = name, .state = state};

    take_look(source, domain.uuid);
    looks_done(source->looks, domain.uuid, &domain, source->now_ns);
}

static void
answer_gone(struct source *source)
{
    char uuid[UUID_BYTES];

    looks_done(source->looks, take_look(source, uuid), NULL, source->now_ns);
}

static bool
is_looking(const struct source *source)
{
    return *source->asked != '\0';
}

/* The review comes once a second. */
static void
pass_s(struct source *source, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        source->now_ns += S;
        looks_review(source->looks, source->now_ns);
    }
}

static int
set_up(void **state)
{
    static const struct source_listener listener = {.guest_seen = guest_seen,
                                                    .guest_gone = guest_gone};
    struct source *source = calloc(1, sizeof(*source));

    source->now_ns = 1000 * S;
    source->looks = looks_new(source, &listener, look);
    *state = source;
    return 0;
}

static int
tear_down(void **state)
{
    struct source *source = *state;

    looks_free(source->looks);
    free(source);
    return 0;
}

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

static void
test_what_is_listed_is_announced(void **state)
{
    static char name[] = "web";
    const struct domain_description domain = {
        .uuid = OTHER, .name = name, .state = DOMAIN_PAUSED};
    struct source *source = *state;

    looks_list(source->looks, &domain);
    expect(source, "paused 2;");
    assert_int_equal(source->count, 0);
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
    assert_true(source->migrates);
    answer(source, DOMAIN_MIGRATING);
    expect(source, "migrates 1;");
    pass_s(source, 1);
    assert_false(is_looking(source));
    pass_s(source, 1); /* no event */
    assert_true(source->migrates);
    answer(source, DOMAIN_MIGRATING);
    /* Other events do not make it forgotten. */
    event(source, LIBVIRT_DOMAIN_CHANGED);
    assert_true(source->migrates);
    answer(source, DOMAIN_MIGRATING);
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
    assert_false(source->migrates);
}

/* Its QEMU hangs, and with it the look. */
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
    assert_false(source->migrates);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_happens_during_a_look_is_looked_at),
        TEST(test_an_agent_that_left_and_came_is_told_as_such),
        TEST(test_a_stop_is_told_at_once),
        TEST(test_a_look_that_fails_says_nothing),
        TEST(test_what_is_listed_is_announced),
        TEST(test_looks_are_bounded),
        TEST(test_looks_are_bounded_for_each_guest),
        TEST(test_calm_again_it_is_looked_at_at_once),
        TEST(test_a_migration_is_followed_to_its_end),
        TEST(test_a_migration_that_is_given_up),
        TEST(test_a_look_that_hangs_is_not_repeated),
        TEST(test_another_connection_knows_nothing),
    };

    return cmocka_run_group_tests_name("looks", tests, NULL, NULL);
}
