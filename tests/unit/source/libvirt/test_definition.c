/* Lanes that look into definitions: when libvirt is asked for one, and what becomes of
 * its refusals.  libvirt is the test's, of the version that the test says. */
#include "source/libvirt/lane.h"

#include "kit/memory.h"
#include "source/libvirt/connection.h"
#include "source/libvirt/job.h"
#include "unit/hand_clock.h"
#include "unit/source/libvirt/one_domain.h"

#include <stdlib.h>
#include <string.h>

#define XML                                                                            \
    "<domain><devices><channel type='unix'><target type='virtio' "                     \
    "name='org.qemu.guest_agent.0' state='connected'/></channel></devices></domain>"
#define LIBVIRT_9 9000000UL
#define LIBVIRT_11 11000000UL

/* --- libvirt --- */

static struct {
    bool knows_version;
    unsigned long version;
    int control, state, reason;
    int operation;                   /* of the domain's job */
    const char *xml;                 /* NULL: the server's error */
    int definitions, jobs, versions; /* how often they were asked for */
} libvirt;

int
virConnectGetLibVersion(virConnectPtr connection, unsigned long *version)
{
    assert_ptr_equal(connection, &a_connection);
    libvirt.versions++;
    if (!libvirt.knows_version)
        return -1;
    *version = libvirt.version;
    return 0;
}

int
virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info,
                        unsigned int flags)
{
    (void)domain;
    (void)flags;
    info->state = (unsigned int)libvirt.control;
    return libvirt.control < 0 ? -1 : 0;
}

int
virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags)
{
    (void)domain;
    (void)flags;
    *state = libvirt.state;
    *reason = libvirt.reason;
    return 0;
}

int
virDomainGetJobStats(virDomainPtr domain, int *type, virTypedParameterPtr *parameters,
                     int *count, unsigned int flags)
{
    int size = 0;

    (void)domain;
    (void)flags;
    libvirt.jobs++;
    *type = VIR_DOMAIN_JOB_UNBOUNDED;
    return virTypedParamsAddInt(parameters, count, &size, VIR_DOMAIN_JOB_OPERATION,
                                libvirt.operation);
}

char *
virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags)
{
    (void)domain;
    assert_int_equal(flags, 0);
    libvirt.definitions++;
    return libvirt.xml ? memory_string(libvirt.xml) : NULL;
}

/* --- one look --- */

struct site {
    struct libvirt_link *link;
    void *lane;
};

static int
set_up(void **state)
{
    struct site *site = calloc(1, sizeof(*site));

    memset(&libvirt, 0, sizeof(libvirt));
    memset(&server, 0, sizeof(server));
    libvirt.knows_version = true;
    libvirt.version = LIBVIRT_11;
    libvirt.state = VIR_DOMAIN_RUNNING;
    libvirt.xml = XML;
    site->link = libvirt_link_new(URI, NULL, NULL, NULL);
    site->lane = libvirt_definition_driver.open(site->link);
    *state = site;
    return 0;
}

static int
tear_down(void **state)
{
    struct site *site = *state;

    libvirt_definition_driver.close(site->lane);
    assert_int_equal(server.opened, 0);
    assert_int_equal(server.handles, 0);
    assert_int_equal(atomic_load(&site->link->references), 1);
    libvirt_definition_driver.release(site->link);
    free(site);
    return 0;
}

static struct libvirt_job *
run(const struct site *site, bool migrates)
{
    struct libvirt_job *job = libvirt_job_new(site->link, UUID, 1, NULL);

    job->migrates = migrates;
    libvirt_definition_driver.run(site->lane, &job->job);
    return job;
}

/* Returns what libvirt said, if it refused. */
static struct failure
expect(const struct site *site, int outcome)
{
    struct libvirt_job *job = run(site, false);
    struct failure why = job->answer.failure;

    assert_int_equal(job->definition.outcome, outcome);
    if (outcome == DEFINITION_READ)
        assert_int_equal(job->definition.xml.channel, CHANNEL_CONNECTED);
    libvirt_definition_driver.drop(&job->job);
    return why;
}

/* --- the connection --- */

#define S INT64_C(1000000000)

static const struct lane_job *running;

static void
take_long(void)
{
    assert_int_equal(running->timeout_ns, LIBVIRT_OPEN_TIMEOUT_NS);
    hand_clock_pass(7 * S);
}

/* What it takes to open is no time of the definition's. */
static void
test_a_connection_that_takes_long(void **state)
{
    const struct site *site = *state;

    for (int i = 0; i < 2; i++) {
        struct libvirt_job *job = libvirt_job_new(site->link, UUID, 1, NULL);

        running = &job->job;
        server.opening = take_long;
        libvirt_definition_driver.run(site->lane, &job->job);
        assert_int_equal(job->job.timeout_ns, i == 0 ? 7 * S : 0); /* it is kept */
        libvirt_definition_driver.drop(&job->job);
    }
}

/* --- domains whose QEMU does not answer --- */

static void
test_a_domain_that_is_held_is_not_asked_for(void **state)
{
    static const int held[] = {VIR_DOMAIN_CONTROL_JOB, VIR_DOMAIN_CONTROL_OCCUPIED,
                               VIR_DOMAIN_CONTROL_ERROR};

    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        libvirt.control = held[i];
        expect(*state, DEFINITION_AWAITED);
    }
    assert_int_equal(libvirt.definitions, 0);
    libvirt.control = VIR_DOMAIN_CONTROL_OK;
    expect(*state, DEFINITION_READ);
    libvirt.control = -1; /* libvirt does not say */
    expect(*state, DEFINITION_READ);
    assert_int_equal(libvirt.versions, 1);
}

static void
test_one_that_comes_in_is_not_asked_for(void **state)
{
    libvirt.state = VIR_DOMAIN_PAUSED;
    libvirt.reason = VIR_DOMAIN_PAUSED_MIGRATION;
    expect(*state, DEFINITION_AWAITED);
    assert_int_equal(libvirt.definitions, 0);
    libvirt.reason = VIR_DOMAIN_PAUSED_USER;
    expect(*state, DEFINITION_READ);
}

/* It tells definitions whatever the QEMU does. */
static void
test_an_older_libvirt_is_asked(void **state)
{
    libvirt.version = LIBVIRT_11 - 1;
    libvirt.control = VIR_DOMAIN_CONTROL_OCCUPIED;
    expect(*state, DEFINITION_READ);
}

static void
test_a_libvirt_of_no_version_is_taken_for_a_new_one(void **state)
{
    libvirt.knows_version = false;
    libvirt.control = VIR_DOMAIN_CONTROL_OCCUPIED;
    expect(*state, DEFINITION_AWAITED);
}

/* The daemon may have been upgraded. */
static void
test_the_version_is_that_of_the_connection(void **state)
{
    libvirt.control = VIR_DOMAIN_CONTROL_OCCUPIED;
    expect(*state, DEFINITION_AWAITED);
    libvirt.version = LIBVIRT_9;
    expect(*state, DEFINITION_AWAITED);
    server.is_dead = true;
    expect(*state, DEFINITION_READ);
    assert_int_equal(server.opened, 1);
}

/* --- migrations: any libvirt waits for the QEMU --- */

static void
expect_migration(const struct site *site, int outcome, bool leaves)
{
    struct libvirt_job *job = run(site, true);

    assert_int_equal(job->definition.outcome, outcome);
    assert_true(job->definition.leaves == leaves);
    libvirt_definition_driver.drop(&job->job);
}

static void
test_migrations(void **state)
{
    libvirt.version = LIBVIRT_9;
    libvirt.operation = VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
    expect_migration(*state, DEFINITION_READ, true);
    libvirt.operation = VIR_DOMAIN_JOB_OPERATION_BACKUP;
    expect_migration(*state, DEFINITION_READ, false);
    assert_int_equal(libvirt.jobs, 2);
    libvirt.control = VIR_DOMAIN_CONTROL_OCCUPIED;
    expect_migration(*state, DEFINITION_AWAITED, false);
    assert_int_equal(libvirt.jobs, 2);
    expect(*state, DEFINITION_READ); /* only of what migrates */
    assert_int_equal(libvirt.jobs, 2);
}

/* --- refusals --- */

static void
fail_with(int code, const char *message)
{
    static char text[128];

    (void)snprintf(text, sizeof(text), "%s", message);
    libvirt.xml = NULL;
    server.error = (virError){.code = code, .message = text};
}

static void
test_what_may_not_be_read(void **state)
{
    fail_with(VIR_ERR_ACCESS_DENIED, "access denied: 'domain' denied access");
    struct failure why = expect(*state, DEFINITION_REFUSED);

    assert_int_equal(why.kind, FAILURE_DENIED);
    assert_non_null(strstr(why.text, "denied access"));
    fail_with(VIR_ERR_INTERNAL_ERROR, "an error of its own");
    expect(*state, DEFINITION_REFUSED);
    server.lacks_domain = true;
    expect(*state, DEFINITION_REFUSED);
    server.lacks_domain = false;
    libvirt.xml = "<domain";
    expect(*state, DEFINITION_REFUSED);
}

static void
test_what_cannot_be_read_now(void **state)
{
    fail_with(VIR_ERR_OPERATION_TIMEOUT, "cannot acquire state change lock");
    expect(*state, DEFINITION_AWAITED);
    fail_with(VIR_ERR_RPC, "Cannot recv data");
    expect(*state, DEFINITION_AWAITED);
    fail_with(VIR_ERR_NO_DOMAIN, "Domain not found");
    expect(*state, DEFINITION_AWAITED);
    server.is_dead = true; /* the words are of a daemon that dies */
    fail_with(VIR_ERR_ACCESS_DENIED, "access denied");
    expect(*state, DEFINITION_AWAITED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_connection_that_takes_long),
        TEST(test_a_domain_that_is_held_is_not_asked_for),
        TEST(test_one_that_comes_in_is_not_asked_for),
        TEST(test_an_older_libvirt_is_asked),
        TEST(test_a_libvirt_of_no_version_is_taken_for_a_new_one),
        TEST(test_the_version_is_that_of_the_connection),
        TEST(test_migrations),
        TEST(test_what_may_not_be_read),
        TEST(test_what_cannot_be_read_now),
    };

    return cmocka_run_group_tests_name("definitions", tests, NULL, NULL);
}
