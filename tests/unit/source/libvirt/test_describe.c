/* What is made of libvirt's state of a domain and the reason for it. */
#include "source/libvirt/describe.h"

#include "source/libvirt/job.h"

#include <libvirt/libvirt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "unit/cmocka_any.h"

static int told_state, told_reason;

int
virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags)
{
    (void)domain;
    (void)flags;
    *state = told_state;
    *reason = told_reason;
    return 0;
}

static void
test_states_and_reasons(void **state)
{
    static const struct {
        int state, reason;
        enum domain_state domain;
        enum pause_reason pause; /* DOMAIN_PAUSED */
    } cases[] = {
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, DOMAIN_RUNNING, 0},
        {VIR_DOMAIN_BLOCKED, 0, DOMAIN_RUNNING, 0},
        {VIR_DOMAIN_SHUTDOWN, 0, DOMAIN_SHUTDOWN, 0},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, DOMAIN_MIGRATING, 0},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, DOMAIN_MIGRATING, 0},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, DOMAIN_PAUSED, PAUSE_USER},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, DOMAIN_PAUSED, PAUSE_IO_ERROR},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, DOMAIN_PAUSED, PAUSE_WATCHDOG},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED, DOMAIN_PAUSED, PAUSE_PANICKED},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE, DOMAIN_PAUSED, PAUSE_OTHER},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, DOMAIN_PAUSED, PAUSE_OTHER},
        {VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, DOMAIN_PAUSED,
         PAUSE_PANICKED},
        /* The number is that of VIR_DOMAIN_PAUSED_USER. */
        {VIR_DOMAIN_PMSUSPENDED, 1, DOMAIN_PAUSED, PAUSE_SUSPENDED},
    };
    virConnectPtr connection = virConnectOpen("test:///default");
    virDomainPtr domain = virDomainLookupByName(connection, "test");

    (void)state;
    assert_non_null(domain);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct domain_description description = {.name = NULL};

        told_state = cases[i].state;
        told_reason = cases[i].reason;
        assert_int_equal(libvirt_describe(domain, &description), DESCRIBED);
        assert_int_equal(description.state, cases[i].domain);
        if (description.state == DOMAIN_PAUSED)
            assert_int_equal(description.pause, cases[i].pause);
        free(description.name);
    }
    told_state = VIR_DOMAIN_SHUTOFF;
    struct domain_description none = {.name = NULL};

    assert_int_equal(libvirt_describe(domain, &none), DESCRIBED_GONE);
    virDomainFree(domain);
    virConnectClose(connection);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_and_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
