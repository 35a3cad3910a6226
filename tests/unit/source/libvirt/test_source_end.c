/* The end of a libvirt source does not wait for what hangs in the library; the process
 * ends without it, and so does this one: a lane that lives on still has the mailbox. */
#include "unit/source/libvirt/world.h"

#include <unistd.h>

static void
test_the_end_does_not_wait_for_what_hangs(void **state)
{
    struct world *world = *state;
    virDomainPtr asked = virDomainLookupByName(world->own, "test");
    struct call call = call_of(world);

    (void)create(world, STUCK "0");
    libvirt.hangs = true;
    begin(world);
    await_asked(world); /* for the definition */
    await(world, "runs test;", 1);
    assert_int_equal(virDomainGetUUIDString(asked, world->key), 0);
    source_libvirt.call(world->source, &call);
    await_asked(world);
    assert_false(source_libvirt.stop(world->source, clock_monotonic_ns() + S));
    mailbox_drain(world->mailbox);
    assert_int_equal(world->done, 0);
}

/* One test: what is the process's own, the stubs share with what the source leaves. */
int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_end_does_not_wait_for_what_hangs, set_up_world),
    };

    sem_init(&libvirt.asked, 0, 0);
    sem_init(&libvirt.answer, 0, 0);
    int failed = cmocka_run_group_tests_name("libvirt source's end", tests, NULL, NULL);

    (void)fflush(NULL);
    _exit(failed);
}
