/* Looks at domains. */
#include "source/libvirt/lane.h"

#include "kit/memory.h"
#include "source/libvirt/describe.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdlib.h>

/* The words may be of a connection that has broken, which is no news of a domain. */
static void
take_failure(const struct libvirt_lane *lane, struct libvirt_job *job)
{
    source_libvirt_last_failure(0, &job->answer.failure);
    if (!libvirt_connection_is_alive(&lane->connection))
        job->answer.failure.kind = FAILURE_UNAVAILABLE;
}

static void
look(const struct libvirt_lane *lane, struct libvirt_job *job)
{
    virDomainPtr domain =
        virDomainLookupByUUIDString(lane->connection.handle, job->uuid);

    job->domains = memory_new(1, sizeof(*job->domains));
    enum described described = DESCRIBED_NOT;

    if (domain)
        described = libvirt_describe(domain, job->domains);
    else if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
        described = DESCRIBED_GONE;
    if (described == DESCRIBED_NOT)
        take_failure(lane, job);
    job->domains_count = job->domains->name ? 1 : 0;
    if (domain)
        virDomainFree(domain);
}

static void
list(const struct libvirt_lane *lane, struct libvirt_job *job)
{
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(lane->connection.handle, &domains,
                                         VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    if (count < 0) {
        take_failure(lane, job);
        return;
    }
    job->domains = memory_new((size_t)count, sizeof(*job->domains));
    for (int i = 0; i < count; i++) {
        if (virDomainGetUUIDString(domains[i], job->domains[job->domains_count].uuid) ==
            0)
            job->domains_count++;
        virDomainFree(domains[i]);
    }
    free(domains);
}

static void
look_lane_run(void *state, struct lane_job *lane_job)
{
    struct libvirt_lane *lane = state;
    struct libvirt_job *job = (struct libvirt_job *)lane_job;

    if (!libvirt_lane_connect(lane, &job->answer.failure))
        return;
    if (*job->uuid)
        look(lane, job);
    else
        list(lane, job);
}

const struct lanes_driver libvirt_look_driver = {
    .open = libvirt_lane_open,
    .run = look_lane_run,
    .close = libvirt_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
