/* Which series an answer makes, and how many there is room for. */
#include "guest/answer.h"

#include "unit/guest/answers.h"

#include <stdio.h>

/* Series hold for longer only if they were made of the same reply, and nothing else was
 * said since. */
static void
test_what_renews_series(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    assert_int_equal(take(guest, "vcpu", said(VCPUS)).series, SERIES_NEW);
    assert_int_equal(take(guest, "vcpu", said(VCPUS)).series, SERIES_RENEWED);
    (void)take(guest, "vcpu", said(DISABLED));
    assert_int_equal(take(guest, "vcpu", said(DISABLED)).series, SERIES_AS_BEFORE);
    assert_int_equal(take(guest, "vcpu", said(VCPUS)).series, SERIES_NEW);
    assert_int_equal(take(guest, "os", said(OS)).series, SERIES_NEW);
    assert_int_equal(take(guest, "os", said(OS)).series, SERIES_RENEWED);
    /* These depend on the past, or on what else the guest has said. */
    assert_int_equal(take(guest, "clock", said(TIME)).series, SERIES_NEW);
    assert_int_equal(take(guest, "clock", said(TIME)).series, SERIES_NEW);
    assert_int_equal(take(guest, "fsfreeze", said(THAWED_STATUS)).series, SERIES_NEW);
    assert_int_equal(take(guest, "fsfreeze", said(THAWED_STATUS)).series, SERIES_NEW);
    guest_free(guest);
}

/* What one collector has is not there for the others, and what did not fit may fit the
 * next time. */
static void
test_series_are_limited_in_all(void **state)
{
    struct guest *guest = new_guest();
    const struct guest_collector *vcpu = &guest->collectors[index_of("vcpu")];

    (void)state;
    config.limits.series_per_guest = 2;
    (void)take(guest, "os", said(OS));
    (void)take(guest, "vcpu", said(VCPUS));
    assert_int_equal(vcpu->series, 1);
    assert_true(vcpu->dropped > 0);
    assert_int_equal(take(guest, "vcpu", said(VCPUS)).series, SERIES_NEW);
    assert_int_equal(take(guest, "os", said(NOT_FOUND)).series, SERIES_WITHDRAWN);
    (void)take(guest, "vcpu", said(VCPUS));
    assert_int_equal(vcpu->series, 2);
    guest_free(guest);
}

/* As many as there are. */
static const char *
some_commands(char *reply, size_t bytes, int count)
{
    static const char *const names[] = {"exec",     "file-open", "file-write", "fstrim",
                                        "set-time", "shutdown",  "set-vcpus"};
    size_t length = (size_t)snprintf(
        reply, bytes, "{\"return\":{\"version\":\"9\",\"supported_commands\":[");

    for (int i = 0; i < count; i++)
        length += (size_t)snprintf(reply + length, bytes - length,
                                   "%s{\"name\":\"guest-%s\",\"enabled\":true}",
                                   i > 0 ? "," : "", names[i]);
    (void)snprintf(reply + length, bytes - length, "]}}");
    return reply;
}

/* Room for 10; os wants 1, vcpu 2 and one each, agent 1 and one each. */
static void
test_no_collector_takes_anothers_room(void **state)
{
    struct guest *guest = new_guest();
    const struct guest_collector *vcpu = &guest->collectors[index_of("vcpu")],
                                 *agent = &guest->collectors[index_of("agent")],
                                 *os = &guest->collectors[index_of("os")];
    const char *many = "{\"return\":[{\"logical-id\":0,\"online\":true},"
                       "{\"logical-id\":1,\"online\":true},"
                       "{\"logical-id\":2,\"online\":true},"
                       "{\"logical-id\":3,\"online\":true},"
                       "{\"logical-id\":4,\"online\":true},"
                       "{\"logical-id\":5,\"online\":true}]}";
    char all[1000], some[1000];

    (void)state;
    config.limits.series_per_guest = 10;
    (void)some_commands(all, sizeof(all), 7);
    (void)some_commands(some, sizeof(some), 2);

    /* The first to come takes what nobody wants. */
    (void)take(guest, "vcpu", said(many));
    assert_int_equal(vcpu->series, 8);
    assert_int_equal(vcpu->dropped, 0);
    /* That costs no other, and is given back, though it was not too much then. */
    (void)take(guest, "os", said(OS));
    (void)take(guest, "agent", said(all));
    assert_int_equal(os->series, 1);
    assert_int_equal(agent->series, 4);
    assert_int_equal(take(guest, "vcpu", said(many)).series, SERIES_NEW);
    assert_int_equal(vcpu->series, 4);
    assert_int_equal(vcpu->dropped, 4);
    (void)take(guest, "agent", said(all));
    assert_int_equal(agent->series, 4);
    assert_int_equal(agent->dropped, 4);
    /* What one does not want any more is the others'. */
    (void)take(guest, "agent", said(some));
    (void)take(guest, "vcpu", said(many));
    assert_int_equal(agent->series, 3);
    assert_int_equal(vcpu->series, 6);
    config.collectors[index_of("agent")].enabled = false;
    (void)take(guest, "vcpu", said(many));
    assert_int_equal(vcpu->series, 8);
    guest_free(guest);
}

static void
test_addresses_are_those_of_the_series(void **state)
{
    struct guest *guest = new_guest();

    (void)state;
    assert_true(take(guest, "network",
                     said("{\"return\":[{\"name\":\"eth0\",\"ip-addresses\":["
                          "{\"ip-address\":\"10.0.0.1\",\"ip-address-type\":\"ipv4\","
                          "\"prefix\":8},{\"ip-address\":\"127.0.0.1\","
                          "\"ip-address-type\":\"ipv4\",\"prefix\":8}]}]}"))
                    .changed &
                GUEST_RECORD);
    assert_int_equal(guest->addresses_count, 1); /* others cannot reach the second */
    assert_string_equal(guest->addresses[0].device, "eth0");
    guest_free(guest);
}

/* Other vCPUs with each reply: as many as an hour has room for. */
static void
test_new_series_are_bounded_in_an_hour(void **state)
{
    struct guest *guest = new_guest();
    const struct guest_collector *vcpu = &guest->collectors[index_of("vcpu")];
    size_t shown = 0;

    (void)state;
    config.limits.new_series_per_hour = 20;
    for (int i = 0; i < 50; i++) {
        char reply[128];

        (void)snprintf(reply, sizeof(reply),
                       "{\"return\":[{\"logical-id\":%d,\"online\":true}]}", i);
        assert_int_equal(take(guest, "vcpu", said(reply)).outcome, FAILURE_NONE);
        shown += vcpu->series;
        now_ns += S;
    }
    assert_in_range(shown, 20, 50 * 3 - 1);
    assert_true(vcpu->dropped > 0);
    (void)take(guest, "vcpu",
               said("{\"return\":[{\"logical-id\":49,\"online\":"
                    "true}]}"));
    assert_true(vcpu->dropped > 0); /* what it is denied stays new */
    now_ns += 3600 * S;
    (void)take(guest, "vcpu",
               said("{\"return\":[{\"logical-id\":49,\"online\":"
                    "true}]}"));
    assert_int_equal(vcpu->dropped, 0);
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_renews_series),
        TEST(test_series_are_limited_in_all),
        TEST(test_no_collector_takes_anothers_room),
        TEST(test_addresses_are_those_of_the_series),
        TEST(test_new_series_are_bounded_in_an_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
