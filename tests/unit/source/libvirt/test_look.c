/* Looks at domains, and what libvirt's errors mean for them: only that there is no such
 * domain means that it is gone. */
#include "source/libvirt/lane.h"

#include "source/libvirt/describe.h"
#include "source/libvirt/job.h"
#include "unit/source/libvirt/one_domain.h"

#include <string.h>

static struct {
    int state, reason;
    bool fails; /* with server.error */
    bool dies;  /* ... as the connection breaks */
    int id;
} domain;

int
virDomainGetState(virDomainPtr asked, int *state, int *reason, unsigned int flags)
{
    (void)flags;
    assert_ptr_equal(asked, &a_domain);
    *state = domain.state;
    *reason = domain.reason;
    server.is_dead = domain.dies;
    return domain.fails ? -1 : 0;
}

int
virDomainGetUUIDString(virDomainPtr asked, char *uuid)
{
    assert_ptr_equal(asked, &a_domain);
    memcpy(uuid, UUID, sizeof(UUID));
    return 0;
}

const char *
virDomainGetName(virDomainPtr asked)
{
    assert_ptr_equal(asked, &a_domain);
    return "web-1";
}

unsigned int
virDomainGetID(virDomainPtr asked)
{
    assert_ptr_equal(asked, &a_domain);
    return (unsigned int)domain.id;
}

int
virConnectListAllDomains(virConnectPtr connection, virDomainPtr **domains,
                         unsigned int flags)
{
    assert_ptr_equal(connection, &a_connection);
    assert_int_equal(flags, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (server.error.code != 0)
        return -1;
    *domains = calloc(2, sizeof(**domains));
    (*domains)[0] = (virDomainPtr)&a_domain;
    server.handles++;
    return 1;
}

static struct libvirt_job *
run(const char *uuid)
{
    struct libvirt_link *link = libvirt_link_new(URI, NULL, NULL, NULL);
    struct libvirt_job *job = libvirt_job_new(link, uuid, 1, NULL);
    void *lane = libvirt_look_driver.open(link);

    libvirt_look_driver.run(lane, &job->job);
    libvirt_look_driver.close(lane);
    libvirt_link_unref(link);
    assert_int_equal(server.opened, 0);
    assert_int_equal(server.handles, 0);
    server.is_dead = false;
    return job;
}

static int
set_up(void **state)
{
    (void)state;
    memset(&server, 0, sizeof(server));
    memset(&domain, 0, sizeof(domain));
    domain.state = VIR_DOMAIN_RUNNING;
    domain.id = 7;
    return 0;
}

static void
test_states(void **state)
{
    static const struct {
        int state, reason;
        bool is_there;
        enum domain_state meant;
    } cases[] = {
        {VIR_DOMAIN_RUNNING, 0, true, DOMAIN_RUNNING},
        {VIR_DOMAIN_BLOCKED, 0, true, DOMAIN_RUNNING},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, true, DOMAIN_PAUSED},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, true, DOMAIN_MIGRATING},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, true, DOMAIN_MIGRATING},
        {VIR_DOMAIN_CRASHED, 0, true, DOMAIN_PAUSED},
        {VIR_DOMAIN_PMSUSPENDED, 0, true, DOMAIN_PAUSED},
        {VIR_DOMAIN_SHUTDOWN, 0, true, DOMAIN_SHUTDOWN},
        {VIR_DOMAIN_SHUTOFF, 0, false, DOMAIN_RUNNING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        domain.state = cases[i].state;
        domain.reason = cases[i].reason;
        struct libvirt_job *job = run(UUID);

        assert_int_equal(job->answer.failure.kind, FAILURE_NONE);
        assert_int_equal(job->domains_count, cases[i].is_there);
        if (cases[i].is_there) {
            assert_int_equal(job->domains[0].state, cases[i].meant);
            assert_string_equal(job->domains[0].name, "web-1");
            assert_string_equal(job->domains[0].uuid, UUID);
            assert_int_equal(job->domains[0].id, 7);
        }
        libvirt_job_drop(&job->job);
    }
}

static void
test_errors(void **state)
{
    static const struct {
        int code;
        bool at_lookup, dies;
        bool fails, is_there;
    } cases[] = {
        {VIR_ERR_NO_DOMAIN, true, false, false, false},
        {VIR_ERR_INTERNAL_ERROR, true, false, true, false}, /* polkit timed out, say */
        {VIR_ERR_ACCESS_DENIED, true, false, true, false},
        {VIR_ERR_NO_DOMAIN, false, false, false, false},
        {VIR_ERR_INTERNAL_ERROR, false, false, true, true},
        {VIR_ERR_ACCESS_DENIED, false, false, false, true}, /* it may be seen only */
        {VIR_ERR_RPC, false, true, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        server.error.code = cases[i].code;
        server.lacks_domain = cases[i].at_lookup;
        domain.fails = true;
        domain.dies = cases[i].dies;
        struct libvirt_job *job = run(UUID);

        assert_int_equal(job->answer.failure.kind != FAILURE_NONE, cases[i].fails);
        if (!cases[i].fails)
            assert_int_equal(job->domains_count, cases[i].is_there);
        if (cases[i].dies)
            assert_int_equal(job->answer.failure.kind, FAILURE_UNAVAILABLE);
        libvirt_job_drop(&job->job);
    }
    domain.id = -1; /* it may not be read, and does not run */
    server.error.code = VIR_ERR_ACCESS_DENIED;
    server.lacks_domain = domain.dies = false;
    struct libvirt_job *job = run(UUID);

    assert_int_equal(job->answer.failure.kind, FAILURE_NONE);
    assert_int_equal(job->domains_count, 0);
    libvirt_job_drop(&job->job);
}

static void
test_the_list_has_uuids_alone(void **state)
{
    struct libvirt_job *job = run("");

    (void)state;
    assert_int_equal(job->domains_count, 1);
    assert_string_equal(job->domains[0].uuid, UUID);
    assert_null(job->domains[0].name);
    libvirt_job_drop(&job->job);
    server.error.code = VIR_ERR_INTERNAL_ERROR;
    job = run("");
    assert_int_not_equal(job->answer.failure.kind, FAILURE_NONE);
    assert_int_equal(job->domains_count, 0);
    libvirt_job_drop(&job->job);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_states, set_up),
        cmocka_unit_test_setup(test_errors, set_up),
        cmocka_unit_test_setup(test_the_list_has_uuids_alone, set_up),
    };

    return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
