/* The control lane against libvirt's own test driver: it lists, and lets go of
 * everything at the end. */
#include "source/libvirt/lane.h"

#include "source/libvirt/connection.h"
#include "source/libvirt/events.h"
#include "source/libvirt/job.h"
#include "unit/source/libvirt/close_callback.h"

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One domain, `test`, that is running. */
#define TEST_URI "test:///default"
/* The driver cannot list what it cannot connect to. */
#define NO_SUCH_URI "test:///nonexistent/file.xml"

/* --- what libvirt may wait for a domain's QEMU for: nothing of that is asked here ---
 */

char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    fail_msg("the definition of %s is asked for (%u)", virDomainGetName(domain), flags);
    return NULL;
}

int
virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *parameters,
                     int *count, unsigned int flags)
{
    (void)type;
    (void)parameters;
    (void)count;
    fail_msg("the job of %s is asked for (%u)", virDomainGetName(domain), flags);
    return -1;
}

int
virDomainGetInfo(virDomainPtr domain, virDomainInfoPtr info)
{
    (void)info;
    fail_msg("the memory of %s is asked for", virDomainGetName(domain));
    return -1;
}

/* What the test driver does not do: refuse the state of a domain. */

static int denial; /* libvirt's error; 0: none */

int
virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags)
{
    int (*real)(virDomainPtr, int *, int *, unsigned int) = NULL;
    void *found = dlsym(RTLD_NEXT, __func__);

    memcpy(&real, &found, sizeof(real));
    return denial != 0 ? -1 : real(domain, state, reason, flags);
}

int
virGetLastErrorCode(void)
{
    return denial;
}

struct site {
    struct libvirt_link *link;
    void *lane;
};

static struct site
open_site(const char *uri)
{
    struct site site = {.link = libvirt_link_new(uri, NULL, NULL, NULL)};

    libvirt_events_start(&libvirt_connections_guard);
    site.lane = libvirt_control_driver.open(site.link);
    return site;
}

static struct libvirt_job *
run(struct site *site)
{
    struct libvirt_job *job = libvirt_job_new(site->link, "", 1, NULL);

    libvirt_control_driver.run(site->lane, &job->job);
    return job;
}

/* Whatever libvirt still holds of ours, holds the link. */
static void
close_site(struct site *site)
{
    libvirt_control_driver.close(site->lane);
    libvirt_events_stop();
    assert_int_equal(atomic_load(&site->link->references), 1);
    libvirt_link_unref(site->link);
}

static void
test_lists(void **state)
{
    struct site site = open_site(TEST_URI);
    struct libvirt_job *list = run(&site);

    (void)state;
    assert_int_equal(list->answer.failure.kind, FAILURE_NONE);
    assert_int_equal(list->domains_count, 1);
    assert_string_equal(list->domains[0].name, "test");
    assert_int_equal(list->domains[0].state, DOMAIN_RUNNING);
    libvirt_job_drop(&list->job);
    close_site(&site);
}

/* Polkit may let it be seen and not be read: it is there, and no more is known. */
static void
test_a_state_that_may_not_be_read(void **state)
{
    struct site site = open_site(TEST_URI);

    (void)state;
    denial = VIR_ERR_ACCESS_DENIED;
    struct libvirt_job *list = run(&site);

    assert_int_equal(list->domains_count, 1);
    assert_string_equal(list->domains[0].name, "test");
    assert_false(list->domains[0].is_vague);
    libvirt_job_drop(&list->job);
    denial = VIR_ERR_NO_DOMAIN;
    list = run(&site);
    assert_int_equal(list->domains_count, 0);
    libvirt_job_drop(&list->job);
    denial = VIR_ERR_INTERNAL_ERROR; /* it may be there: it is looked at again */
    list = run(&site);
    assert_int_equal(list->domains_count, 1);
    assert_true(list->domains[0].is_vague);
    libvirt_job_drop(&list->job);
    denial = 0;
    close_site(&site);
}

static void
test_connects_again_and_again(void **state)
{
    struct site site = open_site(TEST_URI);
    unsigned int once = 0;

    (void)state;
    for (int i = 0; i < 5; i++) {
        libvirt_job_drop(&run(&site)->job);
        if (i == 0)
            once = atomic_load(&site.link->references);
        assert_int_equal(atomic_load(&site.link->references), once);
    }
    close_site(&site);
}

static void
test_says_why_not(void **state)
{
    struct site site = open_site(NO_SUCH_URI);
    struct libvirt_job *job = run(&site);

    (void)state;
    assert_int_not_equal(job->answer.failure.kind, FAILURE_NONE);
    libvirt_job_drop(&job->job);
    close_site(&site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_a_state_that_may_not_be_read),
        cmocka_unit_test(test_connects_again_and_again),
        cmocka_unit_test(test_says_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
