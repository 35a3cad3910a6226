/* A source under watch, from announcement to series, with a source and a clock that do
 * what the test says. */
#include "poll/watch.h"

#include "unit/own_text.h"
#include "unit/poll/world.h"

/* --- calls, and how long they may take --- */

/* Each has its own collector's timeout, and not more of the reply is read than may be.
 */
static void
test_a_call_has_the_limits_of_the_configuration(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    world.config->limits.reply_bytes = 4321;
    for (size_t i = 0; i < collectors_count; i++)
        world.config->collectors[i].timeout_ns = (int64_t)(i + 2) * S;
    watch_configure(world.watch, world.config);
    announce(false);
    come_up();
    for (int asked = 0; asked < 3; asked++) {
        const char *command = await_call(&world);
        size_t i = 0;

        while (strcmp(collectors[i]->command, command) != 0)
            i++;
        assert_int_equal(the_source.call->timeout_ns, (int64_t)(i + 2) * S);
        assert_int_equal(the_source.call->reply_bytes_max, 4321);
        lose_call(FAILURE_UNSUPPORTED);
    }
    close_world(&world);
}

/* All lanes hang in other guests' calls: that says nothing of this one. */
static void
test_a_call_that_waits_for_its_lane_is_not_late(void **state)
{
    int64_t later_ns = clock_monotonic_ns() + 20 * S;
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce(false);
    come_up();
    await_call(&world);
    the_source.stage = CALL_WAITS;
    state_is(&world, later_ns, AGENT_UNKNOWN);
    the_source.stage = CALL_RUNS;
    state_is(&world, later_ns + S, AGENT_UNKNOWN); /* its time counts from now on */
    state_is(&world, later_ns + 20 * S, AGENT_BUSY);
    state_is(&world, later_ns + 60 * S, AGENT_UNRESPONSIVE);
    close_world(&world);
}

/* It holds its guest, and not the place of another guest's call. */
static void
test_a_call_that_is_given_up_leaves_its_place(void **state)
{
    size_t guests_by_state[AGENT_STATES] = {0};
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    for (int silent = 0; silent < 2; silent++) { /* the next call is a probe */
        await_call(&world);
        lose_call(FAILURE_TIMEOUT);
        hand_clock_pass(11 * S);
    }
    hand_clock_pass(60 * S);
    await_call(&world);
    struct call *first = the_source.call;

    the_source.call = NULL; /* it hangs */
    announce_other();
    assert_true(comes_a_call(&world, TURNS_MAX));
    lose_call(FAILURE_TIMEOUT);
    hand_clock_pass(11 * S);
    assert_false(comes_a_call(&world, TURNS_MAX)); /* there is one place for probes */
    the_source.given_up = first;
    for (int i = 0; i < 2; i++) /* given up is given up once */
        watch_review(world.watch, clock_monotonic_ns(), guests_by_state);
    assert_true(comes_a_call(&world, TURNS_MAX));
    assert_string_equal(the_source.call->guest_key, "other");
    lose_call(FAILURE_TIMEOUT);
    /* It comes back after all, and its guest is asked as before. */
    the_source.given_up = NULL;
    the_source.call = first;
    answer("{\"return\": 1}");
    assert_true(comes_a_call(&world, TURNS_MAX));
    assert_string_equal(the_source.call->guest_key, "k");
    close_world(&world);
}

/* --- what is open in the guest --- */

static void
open_world_of_files(struct world *world)
{
    open_world(world);
    enable_only(world, "procfs");
    announce(false);
    come_up();
    assert_string_equal(await_call(world), "guest-file-open");
}

/* The guest is paused, or the agent said to have come again, while an open is on its
 * way: if its answer comes after all, that file is closed before another is opened. */
static void
test_a_file_whose_open_is_overtaken_is_closed(void **state)
{
    struct world world;

    (void)state;
    for (int came = 0; came <= 1; came++) {
        open_world_of_files(&world);
        if (!came)
            announce_domain(DOMAIN_PAUSED, false);
        announce(came);
        answer("{\"return\":1007}");
        assert_string_equal(await_call(&world), "guest-file-read");
        answer("{\"return\":{}}");
        assert_string_equal(await_call(&world), "guest-file-close");
        assert_string_equal(the_source.call->request.arguments, "{\"handle\":1007}");
        answer("{\"return\":{}}");
        close_world(&world);
    }
}

/* ... and if it does not come, nobody knows the handle: an agent that has come again
 * has none, the one of before a pause may. */
static void
test_a_file_that_may_be_open_for_ever_stays_the_only_one(void **state)
{
    struct world world;

    (void)state;
    for (int came = 0; came <= 1; came++) {
        open_world_of_files(&world);
        announce_domain(DOMAIN_PAUSED, false);
        announce(came);
        lose_call(FAILURE_TIMEOUT);
        enable_only(&world, "vcpu");
        enable_only(&world, "procfs");
        assert_int_equal(comes_a_call(&world, TURNS_MAX), came);
        if (!came) {
            announce_domain(DOMAIN_PAUSED, false);
            announce(false);
            assert_false(comes_a_call(&world, TURNS_MAX));
            announce(true);
            assert_string_equal(await_call(&world), "guest-file-open");
        }
        close_world(&world);
    }
}

/* A daemon that restarts says so of each agent that it finds. */
static void
test_an_agent_that_never_left_may_have_its_file_open(void **state)
{
    const struct guest_facts facts = {
        .key = "k",
        .name = "web-1",
        .uuid = "",
        .domain = DOMAIN_RUNNING,
        .channel = CHANNEL_CONNECTED,
        .agent_connected = true,
    };
    struct world world;

    (void)state;
    open_world_of_files(&world);
    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
    lose_call(FAILURE_TIMEOUT);
    enable_only(&world, "vcpu");
    enable_only(&world, "procfs");
    assert_false(comes_a_call(&world, TURNS_MAX));
    close_world(&world);
}

/* --- what is published --- */

static bool
shows(const struct world *world, const char *line)
{
    struct body *body =
        store_body(world->parts.store, (struct body_form){EXPOSITION_TEXT, BODY_PLAIN},
                   clock_monotonic_ns());
    bool there = memmem(body->bytes, body->length, line, strlen(line));

    body_unref(body);
    return there;
}

#define VCPUS "{\"return\":[{\"logical-id\":0,\"online\":true}]}"
#define DISABLED                                                                       \
    "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"Command guest-get-vcpus "    \
    "has been disabled: the command is not allowed\"}}"

/* An agent (9.1 and later) whose administrator has forbidden the command: the first
 * refusal may be a freeze, the second is believed; neither is the reply that the series
 * were made of. */
static void
test_a_refusal_that_repeats_itself_renews_nothing(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce(false);
    come_up();
    await_call(&world);
    answer(VCPUS);
    assert_true(shows(
        &world, "qga_cpu_online{domain=\"web-1\",source=\"here\",cpu=\"0\"} 1\n"));

    announce(true); /* the agent is restarted, with the command forbidden */
    assert_string_equal(await_call(&world), "guest-get-vcpus");
    answer(DISABLED);
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    answer("{\"return\":\"thawed\"}");
    assert_string_equal(await_call(&world), "guest-get-vcpus");
    answer(DISABLED);
    assert_false(shows(&world, "qga_cpu_online{"));
    assert_true(shows(&world, "qga_collector_success{domain=\"web-1\",source=\"here\","
                              "collector=\"vcpu\"} 0\n"));
    close_world(&world);
}

/* The same words mean a freeze, also right after the guest has said that it is thawed:
 * each command's first refusal is asked about. */
/* Backup after backup: what the first freeze has refused says nothing in the second. */
static void
test_a_freeze_after_a_freeze_forbids_nothing(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce(false);
    come_up();
    assert_string_equal(await_call(&world), "guest-get-vcpus");
    answer(DISABLED);
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    answer("{\"return\":\"frozen\"}");
    assert_false(comes_a_call(&world, 2 * TURNS_MAX)); /* it is asked every 5 s */
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    answer("{\"return\":\"thawed\"}");
    assert_string_equal(await_call(&world), "guest-get-vcpus");
    answer(DISABLED);
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    assert_false(shows(&world, "qga_agent_failures_total{"));
    close_world(&world);
}

static void
test_a_freeze_right_after_a_thaw_forbids_nothing(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    for (size_t i = 0; i < collectors_count; i++)
        world.config->collectors[i].enabled |=
            strcmp(collectors[i]->name, "hostname") == 0;
    watch_configure(world.watch, world.config);
    announce(false);
    come_up();
    const char *first = await_call(&world);

    answer(DISABLED);
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    answer("{\"return\":\"thawed\"}");
    assert_string_equal(await_call(&world), first);
    answer(strcmp(first, "guest-get-vcpus") == 0
               ? VCPUS
               : "{\"return\":{\"host-name\":\"a\"}}");
    await_call(&world); /* the other one, for the first time */
    answer(DISABLED);
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    answer("{\"return\":\"frozen\"}");
    assert_true(shows(&world, "state=\"frozen\"} 1\n"));
    assert_false(shows(&world, "qga_agent_failures_total{"));
    assert_false(shows(&world,
                       "qga_collector_supported{domain=\"web-1\",source=\"here\","
                       "collector=\"vcpu\"} 0\n"));
    close_world(&world);
}

static bool
tells(struct world *world, const char *line)
{
    char *text = own_text(world->parts.telemetry, EXPOSITION_TEXT);
    bool told = strstr(text, line);

    free(text);
    return told;
}

static void
test_what_the_source_says_of_itself_becomes_metrics(void **state)
{
    struct world world;
    size_t guests[AGENT_STATES] = {0};

    (void)state;
    open_world(&world);
    assert_true(tells(&world, "\nqga_exporter_lanes{source=\"here\"} 4\n"));
    assert_true(tells(&world, "\nqga_exporter_source_up{source=\"here\"} 0\n"));

    the_source.lanes_in_use = 3;
    the_source.listener->source_up(the_source.listener->context, &the_source);
    assert_true(tells(&world, "\nqga_exporter_source_up{source=\"here\"} 1\n"));
    assert_true(tells(&world, "\nqga_exporter_lanes_in_use{source=\"here\"} 3\n"));

    the_source.lanes_in_use = 2;
    watch_review(world.watch, clock_monotonic_ns(), guests);
    assert_true(tells(&world, "\nqga_exporter_lanes_in_use{source=\"here\"} 2\n"));
    assert_false(tells(&world, "\nqga_exporter_sockets_beyond_limit{"));

    the_source.listener->source_down(the_source.listener->context, &the_source, "");
    assert_true(tells(&world, "\nqga_exporter_source_up{source=\"here\"} 0\n"));
    close_world(&world);
}

/* --- visits --- */

static void
announce_shared(void)
{
    const struct guest_facts facts = {.key = "k",
                                      .name = "web-1",
                                      .uuid = "",
                                      .channel = CHANNEL_CONNECTED,
                                      .channel_is_shared = true};

    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
}

static void
test_a_visit_ends_with_its_last_call(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce_shared();
    come_up();
    /* Others may have frozen it. */
    assert_string_equal(await_call(&world), "guest-fsfreeze-status");
    answer("{\"return\":\"thawed\"}");
    assert_non_null(the_source.call); /* without a gap */
    assert_string_equal(the_source.call->request.command, "guest-get-vcpus");
    assert_int_equal(the_source.visits_ended, 0);
    assert_false(has_passed(&world));
    answer("{\"return\":[{\"logical-id\":0,\"online\":true}]}");
    assert_int_equal(the_source.visits_ended, 1);
    assert_true(has_passed(&world));
    close_world(&world);
}

/* While it is frozen, nothing is asked but that. */
static void
test_a_visit_to_a_frozen_guest(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce_shared();
    come_up();
    for (int i = 0; i < 3; i++) {
        (void)comes_a_call(&world, 10000);
        assert_string_equal(await_call(&world), "guest-fsfreeze-status");
        answer("{\"return\":\"frozen\"}");
    }
    (void)comes_a_call(&world, 10000);
    for (int i = 0; i < 2; i++) { /* what comes then is a visit like any other */
        assert_string_equal(await_call(&world), "guest-fsfreeze-status");
        answer("{\"return\":\"thawed\"}");
    }
    assert_string_equal(await_call(&world), "guest-get-vcpus");
    close_world(&world);
}

/* --once and the doctor do not give up because somebody else was there for a moment. */
static void
test_the_first_pass_waits_for_others(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, "vcpu");
    announce_shared();
    come_up();
    for (unsigned int i = 1; i <= SCHEDULE_OCCUPIED_MAX; i++) {
        assert_string_equal(await_call(&world), "guest-fsfreeze-status");
        lose_call(FAILURE_BUSY);
        assert_int_equal(has_passed(&world), i == SCHEDULE_OCCUPIED_MAX);
    }
    state_is(&world, clock_monotonic_ns(), AGENT_BUSY);
    assert_false(watch_all_answered(world.watch));
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_has_the_limits_of_the_configuration),
        cmocka_unit_test(test_a_call_that_is_given_up_leaves_its_place),
        cmocka_unit_test(test_a_call_that_waits_for_its_lane_is_not_late),
        cmocka_unit_test(test_a_file_whose_open_is_overtaken_is_closed),
        cmocka_unit_test(test_what_the_source_says_of_itself_becomes_metrics),
        cmocka_unit_test(test_a_file_that_may_be_open_for_ever_stays_the_only_one),
        cmocka_unit_test(test_an_agent_that_never_left_may_have_its_file_open),
        cmocka_unit_test(test_a_refusal_that_repeats_itself_renews_nothing),
        cmocka_unit_test(test_a_freeze_after_a_freeze_forbids_nothing),
        cmocka_unit_test(test_a_freeze_right_after_a_thaw_forbids_nothing),
        cmocka_unit_test(test_a_visit_ends_with_its_last_call),
        cmocka_unit_test(test_a_visit_to_a_frozen_guest),
        cmocka_unit_test(test_the_first_pass_waits_for_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
