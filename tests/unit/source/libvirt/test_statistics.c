/* The lane that reads memory statistics: what is asked for, and what becomes of the
 * records.  libvirt is the test's. */
#include "source/libvirt/lane.h"

#include "base/clock.h"
#include "source/libvirt/job.h"
#include "unit/source/libvirt/one_domain.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 3

/* --- libvirt --- */

static struct {
    virDomainStatsRecord records[RECORDS_MAX];
    int sizes[RECORDS_MAX];
    int count; /* -1: it fails */
    int freed;
    bool unnamed;
} libvirt;

int
virConnectGetAllDomainStats(virConnectPtr connection, unsigned int stats,
                            virDomainStatsRecordPtr **records, unsigned int flags)
{
    static virDomainStatsRecordPtr list[RECORDS_MAX + 1];

    assert_ptr_equal(connection, &a_connection);
    assert_int_equal(stats, VIR_DOMAIN_STATS_BALLOON);
    assert_int_equal(flags, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
                                VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    for (int i = 0; i < libvirt.count; i++)
        list[i] = &libvirt.records[i];
    *records = list;
    return libvirt.count;
}

void
virDomainStatsRecordListFree(virDomainStatsRecordPtr *records)
{
    assert_non_null(records);
    libvirt.freed++;
}

int
virDomainGetUUIDString(virDomainPtr domain, char *uuid)
{
    assert_ptr_equal(domain, &a_domain);
    memcpy(uuid, UUID, sizeof(UUID));
    return libvirt.unnamed ? -1 : 0;
}

static void
say(int record, const char *name, unsigned long long number)
{
    virDomainStatsRecordPtr to = &libvirt.records[record];

    to->dom = (virDomainPtr)&a_domain;
    assert_int_equal(virTypedParamsAddULLong(&to->params, &to->nparams,
                                             &libvirt.sizes[record], name, number),
                     0);
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
    site->link = libvirt_link_new(URI, NULL, NULL, NULL);
    site->lane = libvirt_statistics_driver.open(site->link);
    *state = site;
    return 0;
}

static int
tear_down(void **state)
{
    struct site *site = *state;

    for (int i = 0; i < RECORDS_MAX; i++)
        virTypedParamsFree(libvirt.records[i].params, libvirt.records[i].nparams);
    libvirt_statistics_driver.close(site->lane);
    assert_int_equal(server.opened, 0);
    assert_int_equal(atomic_load(&site->link->references), 1);
    libvirt_statistics_driver.release(site->link);
    free(site);
    return 0;
}

static struct libvirt_job *
run(const struct site *site)
{
    struct libvirt_job *job = libvirt_job_new(site->link, "", 1, NULL);

    libvirt_statistics_driver.run(site->lane, &job->job);
    return job;
}

static void
test_all_words_of_a_guest(void **state)
{
    libvirt.count = 1;
    say(0, "balloon.current", 1);
    say(0, "balloon.maximum", 1);
    say(0, "balloon.swap_in", 2);
    say(0, "balloon.swap_out", 3);
    say(0, "balloon.major_fault", 4);
    say(0, "balloon.minor_fault", 5);
    say(0, "balloon.unused", 6);
    say(0, "balloon.available", 7);
    say(0, "balloon.usable", 8);
    say(0, "balloon.disk_caches", 9);
    say(0, "balloon.last-update", 1700000000);
    say(0, "balloon.rss", 10);

    int64_t began_ns = clock_realtime_ns(), began_mono_ns = clock_monotonic_ns();
    struct libvirt_job *job = run(*state);

    assert_int_equal(job->answer.failure.kind, FAILURE_NONE);
    assert_int_equal(job->balloons_count, 1);
    assert_string_equal(job->balloons[0].uuid, UUID);
    const struct balloon *balloon = &job->balloons[0].balloon;
    static const int wanted[BALLOON_WORDS] = {
        [BALLOON_TOTAL] = 7 * 1024,     [BALLOON_FREE] = 6 * 1024,
        [BALLOON_AVAILABLE] = 8 * 1024, [BALLOON_CACHES] = 9 * 1024,
        [BALLOON_SWAP_IN] = 2 * 1024,   [BALLOON_SWAP_OUT] = 3 * 1024,
        [BALLOON_MAJOR_FAULTS] = 4,     [BALLOON_FAULTS] = 5,
    };

    for (size_t i = 0; i < BALLOON_WORDS; i++) {
        assert_true(balloon->has[i]);
        assert_true(balloon->words[i] == wanted[i]);
    }
    assert_true(balloon->resident_bytes == 10 * 1024);
    assert_int_equal(balloon->updated_ns, INT64_C(1700000000) * NS_PER_S);
    assert_true(balloon->read_ns >= began_ns);
    assert_true(balloon->read_mono_ns >= began_mono_ns);
    assert_int_equal(libvirt.freed, 1);
    libvirt_job_drop(&job->job);
}

/* libvirt had its own word alone: its QEMU was not asked, so nothing is told. */
static void
test_a_domain_whose_job_is_taken(void **state)
{
    libvirt.count = 2;
    say(0, "balloon.current", 1);
    say(0, "balloon.maximum", 1);
    say(1, "balloon.rss", 10);
    say(1, "balloon.last-update", 0);

    struct libvirt_job *job = run(*state);

    assert_int_equal(job->balloons_count, 1);
    assert_true(job->balloons[0].balloon.resident_bytes == 10 * 1024);
    assert_int_equal(job->balloons[0].balloon.updated_ns, 0);
    for (size_t i = 0; i < BALLOON_WORDS; i++)
        assert_false(job->balloons[0].balloon.has[i]);
    libvirt_job_drop(&job->job);
}

/* A time that is none, and the largest number that a guest can write. */
static void
test_numbers_that_are_too_large(void **state)
{
    libvirt.count = 1;
    say(0, "balloon.rss", UINT64_MAX);
    say(0, "balloon.available", UINT64_MAX);
    say(0, "balloon.last-update", UINT64_MAX);

    struct libvirt_job *job = run(*state);

    assert_int_equal(job->balloons_count, 1);
    assert_int_equal(job->balloons[0].balloon.updated_ns, 0);
    assert_true(job->balloons[0].balloon.words[BALLOON_TOTAL] > 1e22);
    libvirt_job_drop(&job->job);
}

static void
test_a_domain_without_a_name(void **state)
{
    libvirt.count = 1;
    libvirt.unnamed = true;
    say(0, "balloon.rss", 1);

    struct libvirt_job *job = run(*state);

    assert_int_equal(job->balloons_count, 0);
    libvirt_job_drop(&job->job);
}

static void
test_a_refusal(void **state)
{
    static char text[] = "unsupported flags (0x20000000)";

    libvirt.count = -1;
    server.error = (virError){.code = VIR_ERR_INVALID_ARG, .message = text};

    struct libvirt_job *job = run(*state);

    assert_int_not_equal(job->answer.failure.kind, FAILURE_NONE);
    assert_non_null(strstr(job->answer.failure.text, "unsupported flags"));
    assert_int_equal(job->balloons_count, 0);
    assert_int_equal(libvirt.freed, 0);
    libvirt_job_drop(&job->job);
}

/* Kept from look to look, and made anew when it is dead. */
static void
test_the_connection(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct libvirt_job *job = run(*state);

        assert_int_equal(server.opened, 1);
        libvirt_job_drop(&job->job);
        server.is_dead = i == 0;
    }
    assert_int_equal(libvirt.freed, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_words_of_a_guest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_domain_whose_job_is_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_that_are_too_large, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_domain_without_a_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_refusal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_connection, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
