/* The one state that sums a guest up, and its health series. */
#include "guest/guest.h"

#include "guest/domain_metrics.h"
#include "guest/health.h"
#include "guest/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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
    assert_string_equal(agent_state_name(guest_state(guest, NOW, GRACE)),
                        agent_state_name(state));
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

static bool
has_sample(const struct samples *samples, const char *name, const char *label)
{
    for (size_t i = 0; i < samples_count(samples); i++) {
        struct sample sample = samples_at(samples, i);

        if (strcmp(sample.metric->name, name) == 0 &&
            (!label || strcmp(sample.label_values[0], label) == 0))
            return true;
    }
    return false;
}

static void
test_health_of_a_guest_that_never_answered(void **state)
{
    const struct samples_limits limits = {.series_max = 512, .label_bytes_max = 256};
    struct samples *samples = samples_new(&limits);
    bool enabled[COLLECTORS_MAX];
    struct guest *guest = new_guest();

    (void)state;
    memset(enabled, true, sizeof enabled);
    guest->failures_total[FAILURE_TIMEOUT] = 3;
    health_samples(guest, AGENT_UNRESPONSIVE, true, enabled, NOW, samples);
    assert_true(has_sample(samples, "qga_up", NULL));
    assert_true(has_sample(samples, "qga_agent_state", "unresponsive"));
    assert_true(has_sample(samples, "qga_agent_failures_total", "timeout"));
    /* What is not known is left out, never a zero. */
    assert_false(
        has_sample(samples, "qga_agent_last_response_timestamp_seconds", NULL));
    assert_false(has_sample(samples, "qga_collector_success", NULL));
    assert_false(has_sample(samples, "qga_collector_supported", NULL));
    assert_int_equal(samples_dropped(samples), 0);
    samples_free(samples);
    guest_free(guest);
}

static double
up(const struct guest *guest, enum agent_state state)
{
    const struct samples_limits limits = {.series_max = 512, .label_bytes_max = 256};
    struct samples *samples = samples_new(&limits);
    bool enabled[COLLECTORS_MAX] = {false};
    double value = -1;

    health_samples(guest, state, false, enabled, NOW, samples);
    for (size_t i = 0; i < samples_count(samples); i++) {
        struct sample sample = samples_at(samples, i);

        if (strcmp(sample.metric->name, "qga_up") == 0)
            value = sample.value;
    }
    samples_free(samples);
    return value;
}

/* That a backup holds the agent says nothing against an agent that has answered. */
static void
test_up(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    assert_true(up(guest, AGENT_BUSY) == 0);
    guest->answered = true;
    assert_true(up(guest, AGENT_BUSY) == 1);
    assert_true(up(guest, AGENT_RESPONSIVE) == 1);
    assert_true(up(guest, AGENT_FROZEN) == 1);
    assert_true(up(guest, AGENT_MIGRATING) == 0);
    assert_true(up(guest, AGENT_UNRESPONSIVE) == 0);
    guest_free(guest);
}

static void
test_a_new_definition_is_read_again(void **state)
{
    struct guest *guest = new_guest();
    struct domain_facts *one = domain_facts_new(), *same = domain_facts_new(),
                        *other = domain_facts_new();

    (void)state;
    other->digest = 1;
    assert_int_equal(guest_define(guest, one), GUEST_DEFINITION | GUEST_RECORD);
    assert_ptr_equal(guest->definition, one);

    guest->collectors[0].reply_hash = 7;
    assert_int_equal(guest_define(guest, same), 0);
    assert_int_equal(guest_define(guest, NULL), 0); /* nobody could tell */
    assert_ptr_equal(guest->definition, one);
    assert_int_equal(guest->collectors[0].reply_hash, 7);

    assert_int_equal(guest_define(guest, other), GUEST_DEFINITION | GUEST_RECORD);
    assert_ptr_equal(guest->definition, other);
    assert_int_equal(guest->collectors[0].reply_hash, 0);
    domain_facts_unref(one);
    domain_facts_unref(same);
    domain_facts_unref(other);
    guest_free(guest);
}

static const char *
label_of(const struct samples *samples, const char *metric, size_t label)
{
    for (size_t i = 0; i < samples_count(samples); i++) {
        if (strcmp(samples_at(samples, i).metric->name, metric) == 0)
            return samples_at(samples, i).label_values[label];
    }
    return "no such series";
}

static void
test_series_of_the_definition(void **state)
{
    const struct samples_limits limits = {.series_max = 99, .label_bytes_max = 256};
    char name[] = "customer", namespace[] = "n", path[] = "a@b";
    const struct domain_label wanted = {name, namespace, path};
    struct domain_metrics *metrics = domain_metrics_new(&wanted, 1);
    struct samples *samples = samples_new(&limits);
    struct domain_facts *facts = domain_facts_new();

    (void)state;
    domain_metrics_samples(metrics, "uuid-1", NULL, samples);
    assert_string_equal(label_of(samples, "qga_domain_info", 0), "uuid-1");
    assert_string_equal(label_of(samples, "qga_domain_info", 5), "");
    assert_int_equal(samples_count(samples), 1);
    samples_clear(samples);

    domain_facts_add_metadata(facts, "n", "a@b", "acme");
    facts->vcpus = (struct domain_range){.current = 2, .maximum = 4};
    domain_metrics_samples(metrics, "uuid-1", facts, samples);
    assert_string_equal(label_of(samples, "qga_domain_info", 5), "acme");
    assert_string_equal(domain_metrics_families(metrics)[0]->labels[5], "customer");
    assert_int_equal(samples_count(samples), 3); /* the memory is not known */
    domain_facts_unref(facts);
    samples_free(samples);
    domain_metrics_free(metrics);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_host_says_comes_first),
        cmocka_unit_test(test_starting_is_a_grace_that_ends),
        cmocka_unit_test(test_a_call_beyond_its_deadline_waits_for_another),
        cmocka_unit_test(test_every_failure_has_its_state),
        cmocka_unit_test(test_health_of_a_guest_that_never_answered),
        cmocka_unit_test(test_up),
        cmocka_unit_test(test_a_new_definition_is_read_again),
        cmocka_unit_test(test_series_of_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
