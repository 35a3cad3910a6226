/* The end of a libvirt source does not wait for what hangs in the library, and not at
 * all where a reload leaves it; the process ends without it, and so does this one: a
 * lane that lives on still has the mailbox. */
#include "unit/source/libvirt/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* Until when somebody was waited for, the latest; in place of libc's. */
static atomic_int_least64_t waited_until_ns;

int
pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                       const struct timespec *until)
{
    int64_t until_ns = (int64_t)until->tv_sec * S + until->tv_nsec;

    if (atomic_load(&waited_until_ns) < until_ns)
        atomic_store(&waited_until_ns, until_ns);
    return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, until);
}

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
    int64_t deadline_ns = clock_monotonic_ns();

    atomic_store(&waited_until_ns, 0);
    assert_false(source_libvirt.stop(world->source, deadline_ns));
    assert_in_range(atomic_load(&waited_until_ns), 1, deadline_ns);
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
