/* A guest's life. */
#include "guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct guest_facts running = {
    .key = "k",
    .name = "web-1",
    .uuid = "8eb0f9fd-80a6-59b0-bac3-f74533a7bcc7",
    .incarnation = 1,
    .domain = DOMAIN_RUNNING,
    .channel = CHANNEL_CONNECTED,
};

static void
test_a_new_definition_is_read_again(void **state)
{
    struct guest *guest = guest_new(&running, NULL);
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

static void
test_a_uuid_that_comes_late(void **state)
{
    struct guest_facts facts = running;

    (void)state;
    facts.uuid = "";
    struct guest *guest = guest_new(&facts, NULL);

    assert_int_equal(guest_identify(guest, ""), 0);
    assert_int_equal(guest_identify(guest, running.uuid),
                     GUEST_DEFINITION | GUEST_RECORD);
    assert_int_equal(guest_identify(guest, running.uuid), 0);
    assert_string_equal(guest->uuid, running.uuid);
    assert_int_equal(guest_identify(guest, ""), GUEST_DEFINITION | GUEST_RECORD);
    assert_string_equal(guest->uuid, "");
    guest_free(guest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_definition_is_read_again),
        cmocka_unit_test(test_a_uuid_that_comes_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
