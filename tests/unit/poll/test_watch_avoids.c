/* Commands that must not be sent: in which mode ever the guest is, they are not. */
#include "poll/watch.h"

#include "agent/harm.h"
#include "unit/poll/world.h"

#define DISABLED                                                                       \
    "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"Command x has been "         \
    "disabled: the command is not allowed\"}}"
#define HOUR 3600

static void
open_with_rule(struct world *world, struct harm_rule *rule)
{
    open_world(world);
    world->config->avoid.rules = rule;
    world->config->avoid.rules_count = 1;
    watch_configure(world->watch, world->config);
}

static void
begin(void)
{
    announce(false);
    come_up();
}

static void
close_with_rule(struct world *world)
{
    world->config->avoid.rules = NULL; /* it is the test's */
    world->config->avoid.rules_count = 0;
    close_world(world);
}

/* Gives each call of an hour that answer (NULL: none), and looks for the command. */
static unsigned int
calls_of_an_hour(struct world *world, const char *reply, const char *command)
{
    int64_t end_ns = clock_monotonic_ns() + HOUR * S;
    unsigned int others = 0;

    while (clock_monotonic_ns() < end_ns) {
        if (!comes_a_call(world, 1)) {
            hand_clock_pass(S);
            continue;
        }
        assert_string_not_equal(the_source.call->request.command, command);
        others++;
        if (reply)
            answer(reply);
        else
            lose_call(FAILURE_TIMEOUT);
    }
    return others;
}

/* A refusal may be for a freeze, but that is not asked. */
static void
test_a_freeze_is_not_asked_about(void **state)
{
    static struct harm_rule rule = {.command = "guest-fsfreeze-status"};
    struct world world;

    (void)state;
    open_with_rule(&world, &rule);
    begin();
    assert_true(calls_of_an_hour(&world, DISABLED, rule.command) > 0);
    close_with_rule(&world);
}

static void
test_a_silent_guest_is_probed_by_another(void **state)
{
    static struct harm_rule rule = {.command = "guest-get-time"};
    struct world world;

    (void)state;
    open_with_rule(&world, &rule);
    begin();
    assert_true(calls_of_an_hour(&world, NULL, rule.command) > 3);
    close_with_rule(&world);
}

/* ... or by none. */
static void
test_a_silent_guest_is_not_probed(void **state)
{
    static struct harm_rule rule = {.command = "guest-get-time"};
    struct world world;

    (void)state;
    open_with_rule(&world, &rule);
    enable_only(&world, "clock");
    begin();
    assert_int_equal(calls_of_an_hour(&world, NULL, rule.command), 0);
    close_with_rule(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_freeze_is_not_asked_about),
        cmocka_unit_test(test_a_silent_guest_is_probed_by_another),
        cmocka_unit_test(test_a_silent_guest_is_not_probed),
    };

    return cmocka_run_group_tests_name("avoids", tests, NULL, NULL);
}
