/* Events of guests: what is served of them, how often, and why a guest stands still. */
#include "store/store.h"

#include "unit/poll/happenings.h"

#define FLOOD 10000

static void
test_events_count_since_it_was_seen(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    happens(GUEST_WATCHDOG, ""); /* nobody knows it */
    announce(false);
    come_up();
    assert_true(counts(&world, "watchdog", 0));
    assert_true(counts(&world, "panicked", 0));
    happens(GUEST_WATCHDOG, "");
    happens(GUEST_REBOOTED, "");
    happens(GUEST_REBOOTED, ""); /* its firmware */
    review(&world);
    assert_true(counts(&world, "watchdog", 1));
    assert_true(counts(&world, "rebooted", 1));
    assert_true(counts(&world, "panicked", 0));
    assert_false(serves(&world, "qga_domain_disk_io_errors_total"));
    close_world(&world);
}

/* Neither its agent nor the guest has the count. */
static void
test_the_agent_and_the_guest_may_restart(void **state)
{
    const struct guest_facts restarted = {
        .key = "k", .name = "web-1", .uuid = "", .incarnation = 2};
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    happens(GUEST_REBOOTED, "");
    announce(true);
    the_source.listener->guest_seen(the_source.listener->context, &the_source,
                                    &restarted);
    the_source.listener->source_down(the_source.listener->context, &the_source, "");
    announce(false);
    come_up();
    assert_true(counts(&world, "rebooted", 1));
    close_world(&world);
}

/* A guest can let its watchdog expire as often as it likes: that makes one text a
 * second, and few lines. */
static void
test_a_flood_is_published_once_a_review(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    for (int i = 0; i < FLOOD; i++)
        happens(GUEST_WATCHDOG, "");
    assert_true(counts(&world, "watchdog", 0));
    review(&world);
    assert_true(counts(&world, "watchdog", FLOOD));
    close_world(&world);
}

static void
test_disks_have_the_names_of_the_definition(void **state)
{
    struct domain_facts *definition = domain_facts_new();
    struct guest_facts facts = {.key = "k",
                                .name = "web-1",
                                .uuid = "",
                                .channel = CHANNEL_CONNECTED,
                                .definition = definition};
    struct world world;

    (void)state;
    domain_facts_add_disk(definition, &(struct host_disk){.target = "vda",
                                                          .alias = "ua-data",
                                                          .source = "",
                                                          .serial = "",
                                                          .place.pci_address = ""});
    domain_facts_add_disk(definition, &(struct host_disk){.target = "vdb",
                                                          .source = "",
                                                          .serial = "",
                                                          .place.pci_address = ""});
    open_world(&world);
    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
    come_up();
    happens(GUEST_IO_ERROR, "ua-data");
    happens(GUEST_IO_ERROR, "ua-data");
    happens(GUEST_IO_ERROR, "virtio-disk7"); /* plugged in since */
    happens(GUEST_IO_ERROR, "");
    review(&world);
    assert_true(counts(&world, "io_error", 4));
    assert_true(serves(&world, "qga_domain_disk_io_errors_total{domain=\"web-1\","
                               "source=\"here\",target=\"vda\"} 2\n"));
    assert_true(serves(&world, "qga_domain_disk_io_errors_total{domain=\"web-1\","
                               "source=\"here\",target=\"virtio-disk7\"} 1"));
    assert_true(serves(&world, "qga_domain_disk_io_errors_total{domain=\"web-1\","
                               "source=\"here\",target=\"\"} 1\n"));
    assert_false(serves(&world, "qga_domain_disk_io_errors_total{domain=\"web-1\","
                                "source=\"here\",target=\"vdb\"}"));
    close_world(&world);
    domain_facts_unref(definition);
}

static void
pause_by(enum domain_state domain, enum pause_reason reason)
{
    const struct guest_facts facts = {.key = "k",
                                      .name = "web-1",
                                      .uuid = "",
                                      .domain = domain,
                                      .pause = reason,
                                      .channel = CHANNEL_CONNECTED};

    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
}

#define PAUSED "qga_domain_paused{domain=\"web-1\",source=\"here\",reason="

static void
test_why_it_stands_still(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    pause_by(DOMAIN_RUNNING, PAUSE_IO_ERROR);
    come_up();
    assert_false(serves(&world, PAUSED));
    pause_by(DOMAIN_PAUSED, PAUSE_USER);
    assert_true(serves(&world, PAUSED "\"user\"} 1\n"));
    pause_by(DOMAIN_PAUSED, PAUSE_IO_ERROR);
    assert_true(serves(&world, PAUSED "\"io_error\"} 1\n"));
    assert_false(serves(&world, PAUSED "\"user\"}"));
    the_source.listener->source_down(the_source.listener->context, &the_source, "");
    assert_false(serves(&world, PAUSED));
    pause_by(DOMAIN_PAUSED, PAUSE_IO_ERROR);
    come_up();
    assert_true(serves(&world, PAUSED "\"io_error\"} 1\n"));
    pause_by(DOMAIN_RUNNING, PAUSE_OTHER);
    assert_false(serves(&world, PAUSED));
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_count_since_it_was_seen),
        cmocka_unit_test(test_the_agent_and_the_guest_may_restart),
        cmocka_unit_test(test_a_flood_is_published_once_a_review),
        cmocka_unit_test(test_disks_have_the_names_of_the_definition),
        cmocka_unit_test(test_why_it_stands_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
