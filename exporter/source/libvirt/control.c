/* The control connection: which domains there are, in which state, and what is told of
 * them later.  A lane of its own does what may block.
 *
 * Nothing is asked here for which libvirt waits for a domain's QEMU: one that hangs
 * would hold up what is known of all others (source/libvirt/definition.c). */
#include "source/libvirt/lane.h"

#include "kit/memory.h"
#include "source/libvirt/describe.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"
#include "source/libvirt/subscriptions.h"

#include <libvirt/libvirt.h>
#include <stdlib.h>

struct control_lane {
    struct libvirt_link *link;
    struct libvirt_connection connection;
    struct subscriptions subscriptions;
};

static void *
control_lane_open(void *context)
{
    struct control_lane *lane = memory_new(1, sizeof(*lane));

    lane->link = context;
    return lane;
}

static void
disconnect(struct control_lane *lane)
{
    if (!lane->connection.handle)
        return;
    subscriptions_close(&lane->subscriptions, lane->connection.handle);
    libvirt_connection_close(&lane->connection);
}

static void
control_lane_close(void *state)
{
    struct control_lane *lane = state;

    disconnect(lane);
    free(lane);
}

static bool
list_domains(struct control_lane *lane, struct libvirt_job *job)
{
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(lane->connection.handle, &domains,
                                         VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    if (count < 0)
        return false;
    job->domains = memory_new((size_t)count, sizeof(*job->domains));
    for (int i = 0; i < count; i++) {
        struct domain_description *domain = &job->domains[job->domains_count];
        enum described described = libvirt_describe(domains[i], domain);

        domain->is_vague = described == DESCRIBED_NOT;
        job->domains_count += domain->name ? 1 : 0;
        virDomainFree(domains[i]);
    }
    free(domains);
    return libvirt_connection_is_alive(&lane->connection);
}

static void
control_lane_run(void *state, struct lane_job *lane_job)
{
    struct control_lane *lane = state;
    struct libvirt_job *job = (struct libvirt_job *)lane_job;

    disconnect(lane);
    if (!libvirt_connection_open(&lane->connection, lane->link->uri, lane->link, false,
                                 &job->answer.failure))
        return;
    if (subscriptions_open(&lane->subscriptions, lane->connection.handle, lane->link,
                           job->connection) == 0 &&
        list_domains(lane, job))
        return;
    source_libvirt_last_failure(0, &job->answer.failure);
    disconnect(lane);
}

const struct lanes_driver libvirt_control_driver = {
    .open = control_lane_open,
    .run = control_lane_run,
    .close = control_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
