/* Guests that panicked and were stopped for it: that it can be seen, and for how long.
 */
#include "store/store.h"

#include "unit/poll/happenings.h"

#define HOUR (3600 * S)

static void
open_and_announce(struct world *world)
{
    open_world(world);
    enable_only(world, NULL); /* no call is in flight when it goes */
    announce(false);
    come_up();
}

static void
test_its_events_stay_for_an_hour(void **state)
{
    struct world world;

    (void)state;
    open_and_announce(&world);
    happens(GUEST_PANICKED, "");
    stops();
    assert_true(counts(&world, "panicked", 1));
    assert_false(serves(&world, "qga_agent_state"));
    assert_false(serves(&world, "qga_domain_paused"));
    hand_clock_pass(HOUR - 1);
    review(&world);
    assert_true(counts(&world, "panicked", 1));
    hand_clock_pass(1);
    review(&world);
    assert_false(serves(&world, "qga_domain_events_total"));
    close_world(&world);
}

/* As others that stop; so does one that panicked long ago. */
static void
test_who_did_not_panic_is_gone(void **state)
{
    struct world world;

    (void)state;
    open_and_announce(&world);
    happens(GUEST_WATCHDOG, "");
    stops();
    assert_false(serves(&world, "qga_domain_events_total"));
    announce(false);
    happens(GUEST_PANICKED, "");
    hand_clock_pass(600 * S);
    stops();
    assert_false(serves(&world, "qga_domain_events_total"));
    close_world(&world);
}

static void
test_it_counts_on_when_it_is_started_again(void **state)
{
    struct world world;

    (void)state;
    open_and_announce(&world);
    happens(GUEST_PANICKED, "");
    happens(GUEST_IO_ERROR, "vda");
    stops();
    announce(false);
    assert_true(counts(&world, "panicked", 1));
    assert_true(serves(&world, "qga_agent_state"));
    happens(GUEST_PANICKED, "");
    happens(GUEST_IO_ERROR, "vda");
    stops();
    assert_true(counts(&world, "panicked", 2));
    assert_true(serves(&world, "qga_domain_disk_io_errors_total{domain=\"web-1\","
                               "source=\"here\",target=\"vda\"} 2\n"));
    close_world(&world);
}

/* Its series are another guest's from then on. */
static void
test_another_guest_takes_its_name(void **state)
{
    const struct guest_facts other = {
        .key = "new", .name = "web-1", .uuid = "", .channel = CHANNEL_CONNECTED};
    struct world world;

    (void)state;
    open_and_announce(&world);
    happens(GUEST_PANICKED, "");
    stops();
    the_source.listener->guest_seen(the_source.listener->context, &the_source, &other);
    assert_true(counts(&world, "panicked", 0));
    close_world(&world);
}

/* So many of a source; the one that fell first goes. */
static void
test_there_is_an_end_to_them(void **state)
{
    enum { MANY = 257 };
    struct world world;
    char name[16];

    (void)state;
    open_world(&world);
    come_up();
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "g%d", i);
        const struct guest_facts facts = {.key = name, .name = name, .uuid = ""};
        const struct guest_event event = {.kind = GUEST_PANICKED};
        void *context = the_source.listener->context;

        the_source.listener->guest_seen(context, &the_source, &facts);
        the_source.listener->guest_event(context, &the_source, name, &event);
        the_source.listener->guest_gone(context, &the_source, name);
    }
    assert_false(
        serves(&world, "qga_domain_events_total{domain=\"g0\",source=\"here\","));
    assert_true(
        serves(&world, "qga_domain_events_total{domain=\"g1\",source=\"here\","));
    assert_true(
        serves(&world, "qga_domain_events_total{domain=\"g256\",source=\"here\","));
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_its_events_stay_for_an_hour),
        cmocka_unit_test(test_who_did_not_panic_is_gone),
        cmocka_unit_test(test_it_counts_on_when_it_is_started_again),
        cmocka_unit_test(test_another_guest_takes_its_name),
        cmocka_unit_test(test_there_is_an_end_to_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
