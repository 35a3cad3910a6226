/* What an answer leaves behind in its guest, for the next ones to come. */
#include "guest/answer.h"

#include "guest/state.h"

#include "guest/avoid.h"
#include "unit/guest/answers.h"

#include <stdio.h>

static struct answer
broke_channel(void)
{
    struct answer answer = lost(FAILURE_MALFORMED);

    answer.channel = CALL_BROKE_CHANNEL;
    return answer;
}

static struct answer
found_channel_broken(void)
{
    struct answer answer = lost(FAILURE_MALFORMED);

    answer.channel = CALL_FOUND_CHANNEL_BROKEN;
    return answer;
}

static void
broke_by(struct verdict verdict, const char *command)
{
    assert_int_equal(verdict.outcome, FAILURE_MALFORMED);
    assert_string_equal(verdict.broke_by ? verdict.broke_by : "none", command);
}

/* A reply that breaks libvirt's channel is the command's of that call; a channel that
 * is found broken was broken by the last call that went through. */
static void
test_who_broke_the_channel(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    broke_by(take(guest, "os", found_channel_broken()), "none");
    assert_int_equal(guest->last_response_ns, 0); /* nobody has said anything */
    (void)take(guest, "vcpu", said(VCPUS));
    broke_by(take(guest, "os", found_channel_broken()), "guest-get-vcpus");
    broke_by(take(guest, "os", found_channel_broken()), "none");
    broke_by(take(guest, "hostname", broke_channel()), "guest-get-host-name");
    broke_by(take(guest, "hostname", broke_channel()), "none");
    assert_int_equal(guest_avoids(&guest->collectors[index_of("vcpu")]),
                     AVOID_QUARANTINED);
    assert_int_equal(guest_avoids(&guest->collectors[index_of("os")]), 0);
    guest_free(guest);
}

/* As the last call found it: one that is answered, or that is lost otherwise, takes it
 * back, and so does a new agent. */
static void
test_whether_qemu_hangs(void **state)
{
    struct guest *guest = new_guest();
    struct answer timeout = lost(FAILURE_TIMEOUT);

    (void)state;
    timeout.qemu_hangs = true;
    (void)take(guest, "vcpu", timeout);
    assert_true(guest->qemu_hangs);
    (void)take(guest, "vcpu", lost(FAILURE_TIMEOUT));
    assert_false(guest->qemu_hangs);
    (void)take(guest, "vcpu", timeout);
    (void)take(guest, "vcpu", said(VCPUS));
    assert_false(guest->qemu_hangs);
    (void)take(guest, "vcpu", timeout);
    guest_forget_agent(guest, true, NOW);
    assert_false(guest->qemu_hangs);
    guest_free(guest);
}

/* Until a day is over, and then until an agent starts: who restarts it to mend the
 * channel does not find it broken again. */
static void
test_how_long_it_is_quarantined(void **state)
{
    struct guest *guest = new_guest();
    struct guest_collector *vcpu = &guest->collectors[index_of("vcpu")];
    int64_t then_ns;

    (void)state;
    broke_by(take(guest, "vcpu", broke_channel()), "guest-get-vcpus");
    then_ns = vcpu->quarantined_ns;
    guest_forget_agent(guest, true, then_ns + GUEST_QUARANTINE_NS - 1);
    assert_int_equal(guest_avoids(vcpu), AVOID_QUARANTINED);
    guest_forget_agent(guest, false, then_ns + GUEST_QUARANTINE_NS);
    assert_int_equal(guest_avoids(vcpu), AVOID_QUARANTINED);
    guest_forget_agent(guest, true, then_ns + GUEST_QUARANTINE_NS);
    assert_int_equal(guest_avoids(vcpu), 0);
    broke_by(take(guest, "vcpu", broke_channel()), "guest-get-vcpus");
    assert_int_equal(guest_avoids(vcpu), AVOID_QUARANTINED);
    guest_free(guest);
}

static void
test_what_is_counted(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    (void)take(guest, "vcpu", lost(FAILURE_TIMEOUT));
    assert_int_equal(guest->last_response_ns, 0);
    (void)take(guest, "vcpu", said(REFUSES));
    assert_int_equal(guest->last_response_ns, NOW_REAL);
    assert_false(guest->answered);
    /* A backup at work, and what may be a freeze, are no failures. */
    (void)take(guest, "vcpu", lost(FAILURE_BUSY));
    (void)take(guest, "vcpu", said(SAYS_FROZEN));
    (void)take(guest, "vcpu", said(DISABLED));
    (void)take(guest, "vcpu", said(VCPUS));
    assert_true(guest->answered);
    assert_int_equal(guest->calls_total, 6);
    assert_int_equal(guest->failures_total[FAILURE_TIMEOUT], 1);
    assert_int_equal(guest->failures_total[FAILURE_AGENT_ERROR], 1);
    assert_int_equal(guest->failures_total[FAILURE_BUSY], 0);
    assert_int_equal(guest->failures_total[FAILURE_FROZEN], 0);
    assert_int_equal(guest->failures_total[FAILURE_DISABLED], 0);
    guest_free(guest);
}

/* What is asked between the calls that say so. */
static void
is_asked_status(struct guest *guest, const char *reply)
{
    now_ns += S;
    (void)take(guest, "fsfreeze", said(reply));
    now_ns += 4 * S;
}

/* Thawed by one command and frozen by all others: a minute's freezes are believed. */
static void
test_an_agent_that_contradicts_itself(void **state)
{
    struct guest *guest = new_guest();
    struct verdict verdict = {0};

    (void)state;
    (void)take(guest, "vcpu", said(VCPUS));
    for (int passed_s = 0; passed_s <= 60; passed_s += 5) {
        verdict = take(guest, "vcpu", said(SAYS_FROZEN));
        assert_int_equal(verdict.outcome, FAILURE_FROZEN);
        assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_FROZEN);
        is_asked_status(guest, THAWED_STATUS);
        guest_forget_agent(guest, true,
                           now_ns); /* that it comes anew changes nothing */
        is_asked_status(guest, THAWED_STATUS);
        now_ns -= 5 * S;
    }
    assert_int_equal(guest->failures_total[FAILURE_FROZEN], 0);
    verdict = take(guest, "vcpu", said(SAYS_FROZEN));
    assert_int_equal(verdict.outcome, FAILURE_MALFORMED);
    assert_true(verdict.failed);
    assert_int_equal(guest->failures_total[FAILURE_MALFORMED], 1);
    assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_MALFORMED);
    assert_non_null(strstr(guest->last_failure.text, "thawed"));
    (void)take(guest, "os", said(OS));
    assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_RESPONSIVE);
    assert_int_equal(take(guest, "vcpu", said(SAYS_FROZEN)).outcome, FAILURE_FROZEN);
    guest_free(guest);
}

/* A freeze that it tells of is one, for as long as it does. */
static void
test_a_long_freeze_is_no_contradiction(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    (void)take(guest, "vcpu", said(SAYS_FROZEN));
    is_asked_status(guest, FROZEN_STATUS);
    now_ns += INTERRUPTION_MAX_NS;
    assert_int_equal(take(guest, "vcpu", said(SAYS_FROZEN)).outcome, FAILURE_FROZEN);
    is_asked_status(guest, FROZEN_STATUS);
    assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_FROZEN);
    guest_free(guest);
}

/* Somebody holds it for ever, or it is frozen and may not say so. */
static void
test_an_interruption_without_end(void **state)
{
    static const enum failure_kind kinds[] = {FAILURE_BUSY, FAILURE_FROZEN};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct guest *guest = new_guest();
        enum agent_state at_first =
            kinds[i] == FAILURE_BUSY ? AGENT_BUSY : AGENT_FROZEN;

        (void)take(guest, "vcpu", said(VCPUS));
        (void)take(guest, "vcpu", lost(kinds[i]));
        is_asked_status(guest, REFUSES);
        now_ns += INTERRUPTION_MAX_NS - 5 * S;
        (void)take(guest, "vcpu", lost(kinds[i]));
        assert_int_equal(guest_state(guest, now_ns, GRACE), at_first);
        assert_int_equal(guest->failures_total[kinds[i]], 0);
        now_ns += S;
        assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_UNRESPONSIVE);
        assert_int_equal(guest_reason(guest, now_ns, GRACE), REASON_INTERRUPTED);
        assert_int_equal(take(guest, "vcpu", lost(kinds[i])).outcome, kinds[i]);
        assert_int_equal(guest->failures_total[kinds[i]], 1);
        assert_false(guest->collectors[index_of("vcpu")].success);
        (void)take(guest, "vcpu", said(VCPUS));
        assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_RESPONSIVE);
        guest_free(guest);
    }
}

/* Where others use the agent too, to meet one of them says nothing of the guest, unless
 * it is always so. */
static void
test_what_somebody_else_at_work_says(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    guest->schedule.visited = true;
    (void)take(guest, "vcpu", said(VCPUS));
    for (unsigned int i = 1; i <= SCHEDULE_OCCUPIED_MAX; i++) {
        assert_int_equal(take(guest, "vcpu", lost(FAILURE_BUSY)).outcome, FAILURE_BUSY);
        guest->schedule.occupied = i; /* as schedule_done() counts it */
        assert_int_equal(guest_state(guest, now_ns, GRACE),
                         i < SCHEDULE_OCCUPIED_MAX ? AGENT_RESPONSIVE : AGENT_BUSY);
    }
    (void)take(guest, "vcpu", said(VCPUS));
    assert_int_equal(guest_state(guest, now_ns, GRACE), AGENT_RESPONSIVE);
    assert_int_equal(guest->failures_total[FAILURE_BUSY], 0);
    guest_free(guest);
}

/* What is worth a line in the log: not that an agent lacks a command, nor a freeze. */
static void
test_what_is_said_of_a_failure(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    assert_true(take(guest, "vcpu", lost(FAILURE_TIMEOUT)).failed);
    assert_true(take(guest, "vcpu", said(NO_SHAPE)).failed);
    assert_non_null(strstr(guest->last_failure.text, "array"));
    assert_false(take(guest, "vcpu", said(VCPUS)).failed);
    assert_false(take(guest, "vcpu", said(DISABLED)).failed);
    assert_false(take(guest, "vcpu", said(NOT_FOUND)).failed);
    guest_free(guest);
}

static void
expect_words(const struct guest *guest, const char *collector, const char *words)
{
    const char *found = guest->collectors[index_of(collector)].words;

    if (!words) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, words);
}

/* What one collector was answered stays its own, until it is answered well or its agent
 * is another. */
static void
test_each_collector_keeps_its_words(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    (void)take(guest, "hostname", said(REFUSES));
    (void)take(guest, "vcpu", said(NO_SHAPE));
    (void)take(guest, "os", said(OS));
    expect_words(guest, "hostname", "GenericError: cannot open /dev/x");
    expect_words(guest, "vcpu", "return: an array expected, an object found");
    expect_words(guest, "os", NULL);
    /* Nothing was learned of it: another client was at work. */
    (void)take(guest, "hostname", lost(FAILURE_BUSY));
    expect_words(guest, "hostname", "GenericError: cannot open /dev/x");

    (void)take(guest, "vcpu",
               said("{\"return\":[{\"logical-id\":0,\"online\":true},7]}"));
    assert_int_equal(guest->collectors[index_of("vcpu")].dropped, 1);
    assert_true(guest->collectors[index_of("vcpu")].success);
    expect_words(guest, "vcpu", "[1]: an object expected, an integer found");
    (void)take(guest, "vcpu", said(VCPUS));
    expect_words(guest, "vcpu", NULL);
    guest_forget_agent(guest, true, now_ns);
    expect_words(guest, "hostname", NULL);
    guest_free(guest);
}

/* Frozen, an agent lists all that it refuses as disabled: that is not for good. */
static void
test_a_list_of_a_frozen_guest_forbids_nothing(void **state)
{
    struct guest *guest = new_guest();
    const struct guest_collector *vcpu = &guest->collectors[index_of("vcpu")];

    (void)state;
    (void)take(guest, "agent", said(COMMANDS("false")));
    assert_int_equal(vcpu->status, COMMAND_UNKNOWN);
    (void)take(guest, "agent", said(COMMANDS("true")));
    assert_int_equal(vcpu->status, COMMAND_DISABLED);
    assert_int_equal(guest_avoids(vcpu), AVOID_DISABLED);
    assert_int_equal(guest->collectors[index_of("os")].status, COMMAND_MISSING);
    assert_string_equal(guest->software.agent_version, "10.0.0");
    guest_free(guest);
}

/* Each refusal is asked about, until the command works or a freeze is denied. */
static void
test_a_refusal_is_believed_once_a_freeze_is_denied(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(take(guest, "vcpu", said(DISABLED)).outcome, FAILURE_FROZEN);
        now_ns += S;
        (void)take(guest, "fsfreeze", said(THAWED_STATUS));
        now_ns += S;
        if (round == 0)
            (void)take(guest, "vcpu", said(VCPUS));
    }
    assert_int_equal(take(guest, "vcpu", said(DISABLED)).outcome, FAILURE_DISABLED);
    guest_free(guest);
}

static void
test_harm_is_judged_by_what_it_says(void **state)
{
    struct guest *guest = new_guest();
    const struct guest_collector *filesystem =
        &guest->collectors[index_of("filesystem")];

    (void)state;
    (void)take(guest, "os", said("{\"return\":{\"id\":\"openbsd\"}}"));
    assert_string_equal(guest_avoids_why(filesystem), "harmful");
    (void)take(guest, "os", said(OS));
    assert_null(guest_avoids_why(filesystem));
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_broke_the_channel),
        TEST(test_whether_qemu_hangs),
        TEST(test_how_long_it_is_quarantined),
        TEST(test_what_is_counted),
        TEST(test_an_agent_that_contradicts_itself),
        TEST(test_a_long_freeze_is_no_contradiction),
        TEST(test_an_interruption_without_end),
        TEST(test_what_somebody_else_at_work_says),
        TEST(test_each_collector_keeps_its_words),
        TEST(test_what_is_said_of_a_failure),
        TEST(test_a_list_of_a_frozen_guest_forbids_nothing),
        TEST(test_a_refusal_is_believed_once_a_freeze_is_denied),
        TEST(test_harm_is_judged_by_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
