/* Reads the memory statistics of all domains by one call.
 *
 * libvirt has them from each domain's QEMU, for which it needs the domain's job; where
 * that is taken it does not wait, and tells what it has itself.  A QEMU that hangs
 * holds the call up all the same, and its job with it: this lane is given up then, and
 * the next call passes that domain over. */
#include "source/libvirt/lane.h"

#include "base/clock.h"
#include "kit/memory.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"

#include <libvirt/libvirt.h>

/* More seconds since 1970 are no time. */
#define UPDATED_MAX_S (UINT64_C(1) << 33)
/* As many names as libvirt's own limit of active domains in one list. */
#define DOMAINS_MAX 16384

static const struct {
    const char *name;
    double factor; /* to bytes */
} words[BALLOON_WORDS] = {
    [BALLOON_TOTAL] = {"balloon.available", 1024},
    [BALLOON_FREE] = {"balloon.unused", 1024},
    [BALLOON_AVAILABLE] = {"balloon.usable", 1024},
    [BALLOON_CACHES] = {"balloon.disk_caches", 1024},
    [BALLOON_SWAP_IN] = {"balloon.swap_in", 1024},
    [BALLOON_SWAP_OUT] = {"balloon.swap_out", 1024},
    [BALLOON_MAJOR_FAULTS] = {"balloon.major_fault", 1},
    [BALLOON_FAULTS] = {"balloon.minor_fault", 1},
};

static bool
number_of(virDomainStatsRecordPtr record, const char *name, unsigned long long *number)
{
    return virTypedParamsGetULLong(record->params, record->nparams, name, number) == 1;
}

/* false: libvirt could not ask its QEMU, or it is not to be identified. */
static bool
read_record(virDomainStatsRecordPtr record, struct domain_balloon *domain)
{
    struct balloon *balloon = &domain->balloon;
    unsigned long long number;

    if (!number_of(record, "balloon.rss", &number) ||
        virDomainGetUUIDString(record->dom, domain->uuid) < 0)
        return false;
    *balloon = (struct balloon){.resident_bytes = (double)number * 1024};
    for (size_t i = 0; i < BALLOON_WORDS; i++) {
        balloon->has[i] = number_of(record, words[i].name, &number);
        if (balloon->has[i])
            balloon->words[i] = (double)number * words[i].factor;
    }
    if (number_of(record, "balloon.last-update", &number) && number < UPDATED_MAX_S)
        balloon->updated_ns = (int64_t)number * NS_PER_S;
    return true;
}

static void
take_records(struct libvirt_job *job, virDomainStatsRecordPtr *records, size_t count,
             int64_t read_ns, int64_t read_mono_ns)
{
    job->balloons = memory_new(count, sizeof(*job->balloons));
    for (size_t i = 0; i < count; i++) {
        struct domain_balloon *domain = &job->balloons[job->balloons_count];

        if (!read_record(records[i], domain))
            continue;
        domain->balloon.read_ns = read_ns;
        domain->balloon.read_mono_ns = read_mono_ns;
        job->balloons_count++;
    }
}

static void
statistics_lane_run(void *state, struct lane_job *lane_job)
{
    struct libvirt_lane *lane = state;
    struct libvirt_job *job = (struct libvirt_job *)lane_job;
    virDomainStatsRecordPtr *records = NULL;

    if (!libvirt_lane_connect(lane, &job->answer.failure))
        return;
    /* Before: what waited for others on the way is rather too old than too new. */
    int64_t read_ns = clock_realtime_ns(), read_mono_ns = clock_monotonic_ns();
    int count = virConnectGetAllDomainStats(
        lane->connection.handle, VIR_DOMAIN_STATS_BALLOON, &records,
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
            VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    if (count < 0) {
        source_libvirt_last_failure(0, &job->answer.failure);
        return;
    }
    take_records(job, records, count < DOMAINS_MAX ? (size_t)count : DOMAINS_MAX,
                 read_ns, read_mono_ns);
    virDomainStatsRecordListFree(records);
}

const struct lanes_driver libvirt_statistics_driver = {
    .open = libvirt_lane_open,
    .run = statistics_lane_run,
    .close = libvirt_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
