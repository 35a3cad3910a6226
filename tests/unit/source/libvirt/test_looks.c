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
    char asked[UUID_BYTES];   /* the look on its way; "": none */
    int count;                /* of looks so far */
    char defined[UUID_BYTES]; /* the same of definitions */
    bool migrates;
    int definitions;
    char heard[1024];
};

static void
look(struct source *source, const char *uuid)
{
    assert_string_equal(source->asked, ""); /* one at a time, for one domain */
    snprintf(source->asked, sizeof(source->asked), "%s", uuid);
    source->count++;
}

static void
define(struct source *source, const char *uuid, bool migrates)
{
    assert_string_equal(source->defined, ""); /* likewise */
    snprintf(source->defined, sizeof(source->defined), "%s", uuid);
    source->migrates = migrates;
    source->definitions++;
}

static const struct looks_driver driver = {.look = look, .define = define};

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
    if (facts->channel == CHANNEL_UNKNOWN)
        note(source, facts->definition_error ? facts->definition_error : "undefined",
             facts->key);
    if (facts->opted_out)
        note(source, "left alone", facts->key);
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

/* What libvirt says of its state, whatever its QEMU does. */
static void
answer_state(struct source *source, enum domain_state state)
{
    static char name[] = "web";
    struct domain_description domain = {.name = name, .state = state};

    take_look(source, domain.uuid);
    looks_done(source->looks, domain.uuid, &domain, source->now_ns);
}

/* The definition, which names the channel and may say to leave the guest alone. */
static void
answer_definition(struct source *source, const struct domain_definition *definition)
{
    char uuid[UUID_BYTES];

    assert_string_not_equal(source->defined, "");
    memcpy(uuid, source->defined, UUID_BYTES);
    source->defined[0] = '\0';
    looks_defined(source->looks, uuid, definition,
                  definition->outcome == DEFINITION_REFUSED ? "denied" : "",
                  source->now_ns);
}

static const struct domain_definition of_channel = {.outcome = DEFINITION_READ,
                                                    .xml = {.channel =
                                                                CHANNEL_CONNECTED}},
                                      of_one_left_alone = {.outcome = DEFINITION_READ,
                                                           .xml = {.opted_out = true}},
                                      held = {.outcome = DEFINITION_AWAITED},
                                      refused = {.outcome = DEFINITION_REFUSED};

/* All of it, at once. */
static void
answer(struct source *source, enum domain_state state)
{
    struct domain_definition definition = of_channel;

    definition.leaves = state == DOMAIN_MIGRATING;
    answer_state(source, definition.leaves ? DOMAIN_RUNNING : state);
    if (*source->defined)
        answer_definition(source, &definition);
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

static const struct source_listener listener = {.guest_seen = guest_seen,
                                                .guest_gone = guest_gone};

static int
set_up(void **state)
{
    struct source *source = calloc(1, sizeof(*source));

    source->now_ns = 1000 * S;
    source->looks = looks_new(source, &listener, &driver, false);
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

/* --- definitions --- */

/* What happens to the guest meanwhile is told, and what happened to its agent is when
 * there is a channel to tell of. */
static void
test_a_definition_that_does_not_come(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_AGENT_CONNECTED);
    answer_state(source, DOMAIN_RUNNING);
    assert_int_equal(source->definitions, 1);
    source->now_ns += DEFINITION_PATIENCE_NS - 1;
    looks_review(source->looks, source->now_ns);
    expect(source, "");
    assert_int_equal(looks_due_ns(source->looks), source->now_ns + 1);
    pass_s(source, 1);
    expect(source, "runs 1;undefined 1;");
    pass_s(source, 100);
    expect(source, "");
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer_state(source, DOMAIN_PAUSED);
    expect(source, "paused 1;undefined 1;"); /* at once */
    /* Nobody asks for it a second time, until it is back; that was asked for before the
     * last event. */
    assert_int_equal(source->definitions, 1);
    answer_definition(source, &of_channel);
    expect(source, "");
    assert_int_equal(source->definitions, 2);
    answer_definition(source, &of_one_left_alone);
    expect(source, "agent 1;paused 1;left alone 1;");
    pass_s(source, 100);
    assert_int_equal(source->definitions, 2);
    expect(source, "");
}

/* It is due even if it was just looked at when it was. */
static void
test_a_late_definition_is_due(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer_state(source, DOMAIN_RUNNING);
    int64_t due_ns = looks_due_ns(source->looks);

    assert_int_equal(due_ns, source->now_ns + DEFINITION_PATIENCE_NS);
    event(source, LIBVIRT_DOMAIN_CHANGED);
    looks_review(source->looks, due_ns);
    expect(source, "");
    answer_state(source, DOMAIN_RUNNING);
    assert_int_equal(looks_due_ns(source->looks), due_ns);
    looks_review(source->looks, due_ns);
    expect(source, "runs 1;undefined 1;");
}

/* It stops and starts anew while the request for its first definition hangs. */
static void
test_another_start_while_a_definition_hangs(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_DOMAIN_STARTED);
    answer_state(source, DOMAIN_RUNNING);
    event(source, LIBVIRT_DOMAIN_STOPPED);
    answer_gone(source);
    expect(source, "gone 1;gone 1;");
    pass_s(source, 10); /* it is not announced as late */
    event(source, LIBVIRT_DOMAIN_STARTED);
    answer_state(source, DOMAIN_RUNNING);
    assert_int_equal(source->definitions, 1);
    expect(source, "");
    answer_definition(source, &of_one_left_alone); /* that of the first */
    assert_int_equal(source->definitions, 2);
    answer_definition(source, &of_channel);
    expect(source, "started 1;runs 1;");
}

/* A start, or another client's query, holds the domain for a moment. */
static void
test_a_definition_is_tried_again(void **state)
{
    struct source *source = *state;
    int64_t gap_ns = DEFINITION_RETRY_NS;

    event(source, LIBVIRT_DOMAIN_STARTED);
    answer_state(source, DOMAIN_RUNNING);
    for (int i = 0; i < 20; i++) {
        answer_definition(source, &held);
        assert_string_equal(source->defined, "");
        looks_review(source->looks, source->now_ns + gap_ns - 1);
        assert_string_equal(source->defined, "");
        assert_true(looks_due_ns(source->looks) <= source->now_ns + gap_ns);
        source->now_ns += gap_ns;
        looks_review(source->looks, source->now_ns);
        gap_ns *= 2;
        if (gap_ns > DEFINITION_RETRY_MAX_NS)
            gap_ns = DEFINITION_RETRY_MAX_NS;
    }
    assert_int_equal(source->definitions, 21);
    expect(source, "runs 1;undefined 1;"); /* once, after the patience */
    answer_definition(source, &of_channel);
    expect(source, "started 1;runs 1;");
    assert_int_equal(looks_due_ns(source->looks), INT64_MAX);
    /* The next begins with short steps again. */
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer_state(source, DOMAIN_RUNNING);
    answer_definition(source, &held);
    assert_int_equal(looks_due_ns(source->looks), source->now_ns + DEFINITION_RETRY_NS);
}

static void
test_a_definition_that_may_not_be_read(void **state)
{
    struct source *source = *state;

    event(source, LIBVIRT_AGENT_CONNECTED);
    answer_state(source, DOMAIN_RUNNING);
    answer_definition(source, &refused);
    expect(source, "agent 1;runs 1;denied 1;");
    pass_s(source, DEFINITION_REFUSED_NS / S - 1);
    assert_int_equal(source->definitions, 1);
    pass_s(source, 1);
    assert_int_equal(source->definitions, 2);
    answer_definition(source, &of_channel); /* somebody has given the right */
    expect(source, "runs 1;");
    pass_s(source, 100);
    assert_int_equal(source->definitions, 2);
}

/* Only if the configuration says so. */
static void
test_a_definition_that_need_not_be_read(void **state)
{
    struct source *source = *state;

    looks_free(source->looks);
    source->looks = looks_new(source, &listener, &driver, true);
    event(source, LIBVIRT_DOMAIN_CHANGED);
    answer_state(source, DOMAIN_RUNNING);
    answer_definition(source, &refused);
    expect(source, "runs 1;");
    event(source, LIBVIRT_DOMAIN_CHANGED); /* but one that has not come is waited for */
    answer_state(source, DOMAIN_RUNNING);
    answer_definition(source, &held);
    pass_s(source, 1);
    expect(source, "runs 1;undefined 1;");
}

/* --- the list --- */

static void
list(struct source *source, const char *uuid)
{
    static char name[] = "web";
    struct domain_description domain = {.name = name, .state = DOMAIN_RUNNING};

    memcpy(domain.uuid, uuid, UUID_BYTES);
    looks_list(source->looks, &domain, source->now_ns);
}

/* The list is announced when nothing more comes of it, and what happens to a guest
 * meanwhile does not put that off. */
static void
test_what_is_listed_waits_while_definitions_come(void **state)
{
    struct source *source = *state;

    list(source, OTHER);
    source->defined[0] = '\0'; /* it hangs */
    for (int i = 0; i < 5; i++) {
        char uuid[UUID_BYTES] = UUID;

        uuid[UUID_BYTES - 2] = (char)('2' + i);
        source->now_ns += DEFINITION_PATIENCE_NS - 1;
        list(source, uuid);
        assert_int_equal(looks_unannounced(source->looks), 2);
        answer_definition(source, &of_channel);
        expect(source, "runs 1;");
        looks_review(source->looks, source->now_ns);
        assert_int_equal(looks_unannounced(source->looks), 1);
    }
    event(source, LIBVIRT_DOMAIN_CHANGED);
    source->now_ns += DEFINITION_PATIENCE_NS - 1;
    answer(source, DOMAIN_RUNNING);
    expect(source, "runs 1;");
    looks_review(source->looks, source->now_ns);
    assert_int_equal(looks_unannounced(source->looks), 1);
    source->now_ns++;
    looks_review(source->looks, source->now_ns);
    assert_int_equal(looks_unannounced(source->looks), 0);
    expect(source, "runs 2;undefined 2;");
    assert_int_equal(source->count, 1); /* no look at the state of what was listed */
}

static void
test_what_is_listed_may_stop_or_be_another(void **state)
{
    struct source *source = *state;

    list(source, UUID);
    source->defined[0] = '\0';
    list(source, OTHER);
    source->defined[0] = '\0';
    assert_int_equal(looks_unannounced(source->looks), 2);
    event(source, LIBVIRT_DOMAIN_STOPPED);
    assert_int_equal(looks_unannounced(source->looks), 1);
    looks_forget(source->looks); /* another connection */
    assert_int_equal(looks_unannounced(source->looks), 0);
    assert_int_equal(looks_due_ns(source->looks), INT64_MAX);
    looks_defined(source->looks, OTHER, &of_channel, "", source->now_ns);
    expect(source, "gone 1;");
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
        TEST(test_looks_are_bounded),
        TEST(test_looks_are_bounded_for_each_guest),
        TEST(test_calm_again_it_is_looked_at_at_once),
        TEST(test_a_migration_is_followed_to_its_end),
        TEST(test_a_migration_that_is_given_up),
        TEST(test_a_look_that_hangs_is_not_repeated),
        TEST(test_another_connection_knows_nothing),
        TEST(test_a_migration_whose_qemu_hangs),
        TEST(test_a_definition_that_does_not_come),
        TEST(test_a_late_definition_is_due),
        TEST(test_another_start_while_a_definition_hangs),
        TEST(test_a_definition_is_tried_again),
        TEST(test_a_definition_that_may_not_be_read),
        TEST(test_a_definition_that_need_not_be_read),
        TEST(test_what_is_listed_waits_while_definitions_come),
        TEST(test_what_is_listed_may_stop_or_be_another),
    };

    return cmocka_run_group_tests_name("looks", tests, NULL, NULL);
}
