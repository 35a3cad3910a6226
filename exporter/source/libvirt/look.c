/* Looks at domains. */
#include "source/libvirt/look.h"

#include "kit/memory.h"
#include "source/libvirt/connection.h"
#include "source/libvirt/describe.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdlib.h>

struct look_lane {
    struct libvirt_link *link;
    struct libvirt_connection connection;
};

static void *
look_lane_open(void *context)
{
    struct look_lane *lane = memory_new(1, sizeof(*lane));

    lane->link = context;
    return lane;
}

static void
look_lane_close(void *state)
{
    struct look_lane *lane = state;

    libvirt_connection_close(&lane->connection);
    free(lane);
}

static bool
connect_lane(struct look_lane *lane, struct failure *why)
{
    if (libvirt_connection_is_alive(&lane->connection))
        return true;
    libvirt_connection_close(&lane->connection);
    return libvirt_connection_open(&lane->connection, lane->link->uri, lane->link, true,
                                   why);
}

/* The words may be of a connection that has broken, which is no news of a domain. */
static void
take_failure(const struct look_lane *lane, struct libvirt_job *job)
{
    source_libvirt_last_failure(0, &job->answer.failure);
    if (!libvirt_connection_is_alive(&lane->connection))
        job->answer.failure.kind = FAILURE_UNAVAILABLE;
}

static void
look(const struct look_lane *lane, struct libvirt_job *job)
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
list(const struct look_lane *lane, struct libvirt_job *job)
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
    struct look_lane *lane = state;
    struct libvirt_job *job = (struct libvirt_job *)lane_job;

    if (!connect_lane(lane, &job->answer.failure))
        return;
    if (*job->uuid)
        look(lane, job);
    else
        list(lane, job);
}

const struct lanes_driver libvirt_look_driver = {
    .open = look_lane_open,
    .run = look_lane_run,
    .close = look_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
