/* Why a command is not asked, and that it is not. */
#include "guest/avoid.h"

#include "config/avoid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct guest_facts facts = {.key = "k", .name = "web-1", .uuid = ""};

static size_t
index_of(const char *collector)
{
    return (size_t)collector_find(collector);
}

static void
test_reasons(void **state)
{
    struct guest_collector collector = {.status = COMMAND_ENABLED};

    (void)state;
    assert_int_equal(guest_avoids(&collector), 0);
    assert_null(guest_avoids_why(&collector));
    collector.status = COMMAND_MISSING;
    assert_int_equal(guest_avoids(&collector), AVOID_MISSING);
    collector.status = COMMAND_DISABLED;
    assert_int_equal(guest_avoids(&collector), AVOID_DISABLED);
    assert_null(guest_avoids_why(&collector)); /* the agent is the reason */
    collector.harmful = true;
    assert_string_equal(guest_avoids_why(&collector), "harmful");
    collector.unsettled = true;
    assert_string_equal(guest_avoids_why(&collector), "unsettled");
    collector.quarantined = true;
    assert_string_equal(guest_avoids_why(&collector), "quarantined");
    assert_int_equal(guest_avoids(&collector), AVOID_DISABLED | AVOID_HARMFUL |
                                                   AVOID_UNSETTLED | AVOID_QUARANTINED);
}

static void
test_harm(void **state)
{
    static struct harm_rule rule = {.os = "debian", .command = "guest-get-vcpus"};
    const struct avoid_config known = {.known_harm = true}, none = {0},
                              own = {.rules = &rule, .rules_count = 1};
    struct guest *guest = guest_new(&facts, NULL);
    const struct guest_collector *vcpu = &guest->collectors[index_of("vcpu")];
    const struct guest_collector *os = &guest->collectors[index_of("os")];

    (void)state;
    (void)snprintf(guest->os_hint, sizeof(guest->os_hint), "openbsd");
    guest_judge_harm(guest, &known);
    assert_true(os->harmful);
    guest_judge_harm(guest, &none);
    assert_false(os->harmful);
    guest_judge_harm(guest, &own);
    assert_false(vcpu->harmful);
    (void)snprintf(guest->software.os_id, sizeof(guest->software.os_id), "debian");
    guest_judge_harm(guest, &own); /* the agent knows better than the host */
    assert_true(vcpu->harmful);
    guest_judge_harm(guest, &known);
    assert_false(os->harmful || vcpu->harmful);
    guest_free(guest);
}

static void
test_the_schedule_leaves_it_out(void **state)
{
    const struct schedule_settings settings = {.collectors_count = collectors_count};
    struct schedule *schedule = schedule_new(&settings);
    struct guest *guest = guest_new(&facts, NULL);
    size_t vcpu = index_of("vcpu");

    (void)state;
    schedule_add(schedule, &guest->schedule, "web-1", 0);
    guest->collectors[vcpu].unsettled = true;
    guest_apply_avoids(guest, schedule);
    for (size_t i = 0; i < collectors_count; i++) {
        assert_int_equal(guest->schedule.entries[i].blocked, i == vcpu);
        assert_int_equal(guest->schedule.entries[i].forbidden, i == vcpu);
    }
    guest->collectors[vcpu].unsettled = false;
    guest_apply_avoids(guest, schedule);
    assert_false(guest->schedule.entries[vcpu].blocked);
    assert_false(guest->schedule.entries[vcpu].forbidden);
    /* One that the agent does not have may be tried: that harms nobody. */
    guest->collectors[vcpu].status = COMMAND_MISSING;
    guest_apply_avoids(guest, schedule);
    assert_true(guest->schedule.entries[vcpu].blocked);
    assert_false(guest->schedule.entries[vcpu].forbidden);
    schedule_free(schedule);
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_harm),
        cmocka_unit_test(test_the_schedule_leaves_it_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
