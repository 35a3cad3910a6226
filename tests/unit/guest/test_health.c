/* The series of an agent and of the collectors in it. */
#include "guest/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(10000000000000)

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
    memset(enabled, true, sizeof(enabled));
    guest->failures_total[FAILURE_TIMEOUT] = 3;
    health_samples(guest, AGENT_UNRESPONSIVE, true, enabled, samples);
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
value(const struct guest *guest, enum agent_state state, const char *name)
{
    const struct samples_limits limits = {.series_max = 512, .label_bytes_max = 256};
    struct samples *samples = samples_new(&limits);
    bool enabled[COLLECTORS_MAX] = {false};
    double found = -1;

    health_samples(guest, state, false, enabled, samples);
    for (size_t i = 0; i < samples_count(samples); i++) {
        struct sample sample = samples_at(samples, i);

        if (strcmp(sample.metric->name, name) == 0)
            found = sample.value;
    }
    samples_free(samples);
    return found;
}

static double
up(const struct guest *guest, enum agent_state state)
{
    return value(guest, state, "qga_up");
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

/* Of one that was not asked, nothing is known; of one that cannot be asked, enough. */
static void
test_up_of_one_that_was_not_asked(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    assert_true(up(guest, AGENT_UNKNOWN) == -1);
    assert_true(value(guest, AGENT_UNKNOWN, "qga_agent_state") == 1);
    assert_true(up(guest, AGENT_STARTING) == 0);
    failure_set(&guest->last_failure, FAILURE_UNAVAILABLE, "libvirt does not say");
    assert_true(up(guest, AGENT_UNKNOWN) == 0);
    guest->last_failure.kind = FAILURE_NONE;
    guest->source_is_up = false;
    assert_true(up(guest, AGENT_UNKNOWN) == 0);
    guest->source_is_up = true;
    guest->opted_out = true;
    assert_true(up(guest, AGENT_UNKNOWN) == 0);
    guest->opted_out = false;
    guest->channel = CHANNEL_UNKNOWN;
    assert_true(up(guest, AGENT_UNKNOWN) == 0);
    guest->channel = CHANNEL_CONNECTED;
    guest->calls_total = 1; /* and it has come again since */
    assert_true(up(guest, AGENT_UNKNOWN) == 0);
    guest_free(guest);
}

static void
test_since_when_it_is_frozen(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    assert_true(value(guest, AGENT_FROZEN,
                      "qga_filesystems_frozen_since_timestamp_seconds") == -1);
    freeze_learn(&guest->freeze, true, NOW);
    guest->frozen_since_ns = INT64_C(1764460800) * 1000 * 1000 * 1000;
    assert_true(value(guest, AGENT_FROZEN,
                      "qga_filesystems_frozen_since_timestamp_seconds") == 1764460800);
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health_of_a_guest_that_never_answered),
        cmocka_unit_test(test_up),
        cmocka_unit_test(test_up_of_one_that_was_not_asked),
        cmocka_unit_test(test_since_when_it_is_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
