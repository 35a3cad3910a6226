/* What files mean. */
#include "source/proxmox/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "unit/cmocka_any.h"

static struct proxmox_guest
guest_of(const char *lock)
{
    struct proxmox_guest guest = {.is_known = true, .socket = {.inode = 1}};

    strcpy(guest.configuration.lock, lock);
    return guest;
}

static void
test_states(void **state)
{
    struct proxmox_guest guest = guest_of("");

    (void)state;
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_RUNNING);
    guest = guest_of("migrate");
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_MIGRATING);
    guest = guest_of("suspending");
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_PAUSED);
    guest = guest_of("snapshot");
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_RUNNING);
    guest.configuration.is_template = true;
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_PAUSED);
}

/* A guest that runs is backed up, and one that is off. */
static void
test_a_backup(void **state)
{
    struct proxmox_guest guest = guest_of("backup");

    (void)state;
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_RUNNING);
    guest.is_stopped = true;
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_PAUSED);
    guest.is_incoming = true; /* it came here once, and was let go on */
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_RUNNING);
    guest = guest_of("");
    guest.is_stopped = true; /* somebody let it go on */
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_RUNNING);
}

static void
test_one_that_arrives(void **state)
{
    struct proxmox_guest guest = guest_of("");

    (void)state;
    guest.is_known = false;
    guest.is_incoming = guest.is_missing = true;
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_MIGRATING);
    assert_int_equal(proxmox_guest_channel(&guest, true, false), CHANNEL_CONNECTED);
    guest.is_missing = false; /* it may not be read */
    assert_int_equal(proxmox_guest_state(&guest), DOMAIN_RUNNING);
    assert_int_equal(proxmox_guest_channel(&guest, true, false), CHANNEL_UNKNOWN);
}

static void
test_channels(void **state)
{
    struct proxmox_guest guest = guest_of("");

    (void)state;
    assert_int_equal(proxmox_guest_channel(&guest, true, false), CHANNEL_CONNECTED);
    assert_int_equal(proxmox_guest_channel(&guest, false, false), CHANNEL_DISCONNECTED);
    guest.is_known = false;
    assert_int_equal(proxmox_guest_channel(&guest, true, false), CHANNEL_UNKNOWN);
    assert_int_equal(proxmox_guest_channel(&guest, true, true), CHANNEL_CONNECTED);
    guest.socket.inode = 0;
    assert_int_equal(proxmox_guest_channel(&guest, false, true), CHANNEL_ABSENT);
    guest.is_known = true;
    assert_int_equal(proxmox_guest_channel(&guest, false, false), CHANNEL_ABSENT);
}

static void
test_incarnations(void **state)
{
    /* On Linux a pid has 22 bits at most. */
    struct proxmox_guest first = {.started = 7, .pid = (1 << 22) - 1},
                         same_tick = {.started = 7, .pid = 1},
                         same_pid = {.started = 8, .pid = (1 << 22) - 1},
                         next_tick = {.started = 8, .pid = 1};
    int64_t incarnation = proxmox_guest_incarnation(&first);

    (void)state;
    assert_true(incarnation > 0);
    assert_true(proxmox_guest_incarnation(&same_tick) != incarnation);
    assert_true(proxmox_guest_incarnation(&same_pid) != incarnation);
    assert_true(proxmox_guest_incarnation(&next_tick) > incarnation);
}

static void
test_a_configuration_that_is_kept(void **state)
{
    struct proxmox_guest before = guest_of("migrate"), now = guest_of("");

    (void)state;
    proxmox_guest_keep_configuration(&before, &now); /* it was read */
    assert_string_equal(now.configuration.lock, "");
    now.is_known = false;
    proxmox_guest_keep_configuration(&before, &now);
    assert_true(now.is_known);
    assert_string_equal(now.configuration.lock, "migrate");
    now = (struct proxmox_guest){.started = before.started + 1};
    assert_true(proxmox_guest_has_started(&before, &now));
    proxmox_guest_keep_configuration(&before, &now); /* another process's */
    assert_false(now.is_known);
    now.started = before.started;
    assert_false(proxmox_guest_has_started(&before, &now));
    before.is_known = false;
    proxmox_guest_keep_configuration(&before, &now);
    assert_false(now.is_known);
}

static void
test_what_is_news(void **state)
{
    struct proxmox_guest a = guest_of(""), b = guest_of("");

    (void)state;
    assert_true(proxmox_guest_is_same(&a, &b));
    b.socket.inode = 2;
    assert_true(proxmox_guest_is_same(&a, &b));
    b.started = 1;
    assert_false(proxmox_guest_is_same(&a, &b));
    b = guest_of("");
    b.pid = 1; /* started in the same clock tick */
    assert_false(proxmox_guest_is_same(&a, &b));
    b = guest_of("");
    strcpy(b.error, "x");
    assert_false(proxmox_guest_is_same(&a, &b));
    b = guest_of("");
    b.is_missing = true;
    assert_false(proxmox_guest_is_same(&a, &b));
    b = guest_of("");
    b.configuration.facts = domain_facts_new();
    assert_false(proxmox_guest_is_same(&a, &b));
    domain_facts_unref(b.configuration.facts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_a_backup),
        cmocka_unit_test(test_one_that_arrives),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_incarnations),
        cmocka_unit_test(test_what_is_news),
        cmocka_unit_test(test_a_configuration_that_is_kept),
    };

    return cmocka_run_group_tests_name("proxmox guest", tests, NULL, NULL);
}
