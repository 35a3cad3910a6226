/* The one state that sums a guest up, and the reason for it. */
#include "guest/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define GRACE (180 * S)
#define NOW (10000 * S)

static const struct guest_facts running = {
    .key = "k",
    .name = "web-1",
    .uuid = "8eb0f9fd-80a6-59b0-bac3-f74533a7bcc7",
    .incarnation = 1,
    .domain = DOMAIN_RUNNING,
    .channel = CHANNEL_CONNECTED,
};

static struct guest *
new_guest(void)
{
    struct guest *guest = guest_new(&running, NULL);

    guest->domain = running.domain;
    guest->channel = running.channel;
    guest->source_is_up = true;
    return guest;
}

static void
expect(struct guest *guest, enum agent_state state)
{
    assert_string_equal(agent_state_names[guest_state(guest, NOW, GRACE)],
                        agent_state_names[state]);
}

static void
test_what_the_host_says_comes_first(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    guest->answered = true;
    expect(guest, AGENT_RESPONSIVE);
    guest->freeze.frozen = true;
    expect(guest, AGENT_FROZEN);
    guest->channel = CHANNEL_DISCONNECTED;
    expect(guest, AGENT_DISCONNECTED);
    guest->channel = CHANNEL_ABSENT;
    expect(guest, AGENT_UNCONFIGURED);
    guest->channel = CHANNEL_UNKNOWN;
    expect(guest, AGENT_UNKNOWN);
    guest->domain = DOMAIN_PAUSED;
    expect(guest, AGENT_PAUSED);
    guest->domain = DOMAIN_SHUTDOWN;
    expect(guest, AGENT_PAUSED);
    guest->domain = DOMAIN_MIGRATING;
    expect(guest, AGENT_MIGRATING);
    guest->source_is_up = false;
    expect(guest, AGENT_UNKNOWN);
    guest_free(guest);
}

static void
test_starting_is_a_grace_that_ends(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    guest->channel = CHANNEL_DISCONNECTED;
    guest->started_ns = NOW - GRACE + S;
    expect(guest, AGENT_STARTING);
    guest->started_ns = NOW - GRACE;
    expect(guest, AGENT_DISCONNECTED);
    /* Once its agent has answered, a guest is no longer starting. */
    guest->started_ns = NOW - S;
    guest->answered = true;
    expect(guest, AGENT_DISCONNECTED);
    guest->channel = CHANNEL_ABSENT;
    expect(guest, AGENT_UNCONFIGURED);
    guest_free(guest);
}

/* libvirt has not even sent it: another client's call goes first, for 30 s at most. */
static void
test_a_call_beyond_its_deadline_waits_for_another(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    guest->answered = true;
    guest->schedule.in_flight = true;
    guest->call_deadline_ns = NOW;
    expect(guest, AGENT_RESPONSIVE);
    guest->call_deadline_ns = NOW - 1;
    expect(guest, AGENT_BUSY);
    guest->call_deadline_ns = NOW - 30 * S;
    expect(guest, AGENT_BUSY);
    guest->call_deadline_ns = NOW - 30 * S - 1;
    expect(guest, AGENT_UNRESPONSIVE);
    /* It was silent before: a call that waits says nothing better of it. */
    guest->call_deadline_ns = NOW - 1;
    guest->last_failure.kind = FAILURE_TIMEOUT;
    expect(guest, AGENT_UNRESPONSIVE);
    guest_free(guest);
}

static void
test_every_failure_has_its_state(void **state)
{
    static const enum agent_state states[FAILURE_KINDS] = {
        [FAILURE_NONE] = AGENT_RESPONSIVE,
        [FAILURE_ABSENT] = AGENT_UNCONFIGURED,
        [FAILURE_DISCONNECTED] = AGENT_DISCONNECTED,
        [FAILURE_TIMEOUT] = AGENT_UNRESPONSIVE,
        [FAILURE_UNSUPPORTED] = AGENT_RESPONSIVE,
        [FAILURE_DISABLED] = AGENT_RESPONSIVE,
        [FAILURE_FROZEN] = AGENT_FROZEN,
        [FAILURE_BUSY] = AGENT_BUSY,
        [FAILURE_HELD] = AGENT_UNRESPONSIVE,
        [FAILURE_AGENT_ERROR] = AGENT_RESPONSIVE,
        [FAILURE_MALFORMED] = AGENT_MALFORMED,
        [FAILURE_WRONG_SHAPE] = AGENT_RESPONSIVE,
        [FAILURE_TOO_LARGE] = AGENT_RESPONSIVE,
        [FAILURE_DENIED] = AGENT_DENIED,
        [FAILURE_NOT_RUNNING] = AGENT_PAUSED,
        [FAILURE_UNAVAILABLE] = AGENT_UNKNOWN,
    };
    struct guest *guest = new_guest();

    (void)state;
    expect(guest, AGENT_UNKNOWN); /* not asked yet */
    guest->answered = true;
    for (int kind = 0; kind < FAILURE_KINDS; kind++) {
        guest->last_failure.kind = (enum failure_kind)kind;
        expect(guest, states[kind]);
    }
    guest_free(guest);
}

static void
expect_reason(const struct guest *guest, enum guest_reason reason)
{
    assert_int_equal(guest_reason(guest, NOW, GRACE), reason);
}

/* What helps is not the same in one and the same state. */
static void
test_reasons_within_a_state(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    expect_reason(guest, REASON_NOT_ASKED);
    guest->last_failure.kind = FAILURE_UNAVAILABLE;
    expect_reason(guest, REASON_UNAVAILABLE);
    guest->last_failure.kind = FAILURE_HELD;
    expect_reason(guest, REASON_HELD);
    /* The call beyond its deadline is held off by the same. */
    guest->schedule.in_flight = true;
    guest->call_deadline_ns = NOW - 1;
    expect_reason(guest, REASON_HELD);
    guest->last_failure.kind = FAILURE_TIMEOUT;
    expect_reason(guest, REASON_NO_ANSWER);
    guest->channel = CHANNEL_ABSENT;
    expect_reason(guest, REASON_NO_CHANNEL);
    guest->channel = CHANNEL_UNUSABLE;
    expect_reason(guest, REASON_UNUSABLE_CHANNEL);
    expect(guest, AGENT_UNCONFIGURED);
    guest->channel = CHANNEL_UNKNOWN;
    guest->started_ns = NOW;
    expect_reason(guest, REASON_NO_DEFINITION);
    guest->definition_error[0] = '!';
    expect_reason(guest, REASON_UNREADABLE);
    guest->domain = DOMAIN_SHUTDOWN;
    expect_reason(guest, REASON_SHUTTING_DOWN);
    guest->domain = DOMAIN_PAUSED;
    expect_reason(guest, REASON_PAUSED);
    guest->opted_out = true;
    expect_reason(guest, REASON_OPTED_OUT);
    guest->source_is_up = false;
    expect_reason(guest, REASON_SOURCE_AWAY);
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_host_says_comes_first),
        cmocka_unit_test(test_starting_is_a_grace_that_ends),
        cmocka_unit_test(test_a_call_beyond_its_deadline_waits_for_another),
        cmocka_unit_test(test_every_failure_has_its_state),
        cmocka_unit_test(test_reasons_within_a_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
