/* What is announced of domains whose definitions come, come late, or do not. */
#include "unit/source/libvirt/looks_world.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_definition_that_does_not_come),
        TEST(test_a_late_definition_is_due),
        TEST(test_another_start_while_a_definition_hangs),
        TEST(test_a_definition_is_tried_again),
        TEST(test_a_definition_that_may_not_be_read),
        TEST(test_a_definition_that_need_not_be_read),
        TEST(test_what_is_listed_waits_while_definitions_come),
        TEST(test_what_is_listed_may_stop_or_be_another),
    };

    return cmocka_run_group_tests_name("looks' definitions", tests, NULL, NULL);
}
