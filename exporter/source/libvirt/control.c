/* The control connection: which domains there are, and in which state.  A lane of its
 * own does what may block.
 *
 * Nothing is asked here for which libvirt waits for a domain's QEMU: one that hangs
 * would hold up what is known of all others (source/libvirt/definition.c). */
#include "source/libvirt/control.h"

#include "kit/memory.h"
#include "source/libvirt/connection.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"
#include "source/libvirt/subscriptions.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
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

/* That it is there may be seen without the right to read its state.  Nor can its
 * definition be read then, which is told. */
static bool
is_there(virDomainPtr domain)
{
    return virGetLastErrorCode() == VIR_ERR_ACCESS_DENIED &&
           virDomainGetID(domain) != (unsigned int)-1;
}

static bool
is_active(virDomainPtr domain, enum domain_state *state)
{
    int libvirt_state = VIR_DOMAIN_NOSTATE, reason = 0;

    *state = DOMAIN_RUNNING;
    if (virDomainGetState(domain, &libvirt_state, &reason, 0) < 0)
        return is_there(domain);
    switch (libvirt_state) {
    case VIR_DOMAIN_SHUTOFF:
        return false;
    case VIR_DOMAIN_SHUTDOWN:
        *state = DOMAIN_SHUTDOWN;
        return true;
    case VIR_DOMAIN_PAUSED:
        *state = reason == VIR_DOMAIN_PAUSED_MIGRATION ||
                         reason == VIR_DOMAIN_PAUSED_POSTCOPY
                     ? DOMAIN_MIGRATING
                     : DOMAIN_PAUSED;
        return true;
    case VIR_DOMAIN_CRASHED:
    case VIR_DOMAIN_PMSUSPENDED:
        *state = DOMAIN_PAUSED;
        return true;
    default:
        return true;
    }
}

/* false: it is not there any more. */
static bool
describe(virDomainPtr domain, struct domain_description *description)
{
    if (!is_active(domain, &description->state) ||
        virDomainGetUUIDString(domain, description->uuid) < 0)
        return false;
    description->name = memory_string(virDomainGetName(domain));
    description->id = (int64_t)virDomainGetID(domain);
    return true;
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
        if (describe(domains[i], &job->domains[job->domains_count]))
            job->domains_count++;
        virDomainFree(domains[i]);
    }
    free(domains);
    return libvirt_connection_is_alive(&lane->connection);
}

static void
run_connect(struct control_lane *lane, struct libvirt_job *job)
{
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

static void
run_describe(struct control_lane *lane, struct libvirt_job *job)
{
    if (!lane->connection.handle) {
        failure_set(&job->answer.failure, FAILURE_UNAVAILABLE,
                    "not connected to the daemon");
        return;
    }
    virDomainPtr domain =
        virDomainLookupByUUIDString(lane->connection.handle, job->uuid);

    job->domains = memory_new(1, sizeof(*job->domains));
    if (domain && describe(domain, job->domains))
        job->domains_count = 1;
    if (domain)
        virDomainFree(domain);
    if (job->domains_count == 0 && !libvirt_connection_is_alive(&lane->connection))
        failure_set(&job->answer.failure, FAILURE_UNAVAILABLE, "the connection broke");
}

static void
control_lane_run(void *state, struct lane_job *lane_job)
{
    struct libvirt_job *job = (struct libvirt_job *)lane_job;

    if (*job->uuid)
        run_describe(state, job);
    else
        run_connect(state, job);
}

const struct lanes_driver libvirt_control_driver = {
    .open = control_lane_open,
    .run = control_lane_run,
    .close = control_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
