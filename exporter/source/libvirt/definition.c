/* Looks into definitions.
 *
 * Since libvirt 11.0 virDomainGetXMLDesc waits for the domain's job, for up to 30 s,
 * and whoever waits takes one of the daemon's 20 workers.  So a domain whose job is
 * taken is not asked for its definition there; the source tries again. */
#include "source/libvirt/lane.h"

#include "base/clock.h"
#include "source/libvirt/domain_xml.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"

#include <libvirt/libvirt.h>
#include <stdlib.h>

/* As libvirt writes its version: the first one that waits. */
#define LIBVIRT_WAITS_SINCE 11000000UL

/* That has a deadline of its own: the job is not given up for it. */
static bool
open_connection(struct libvirt_lane *lane, struct libvirt_job *job)
{
    int64_t began_ns = clock_monotonic_ns();

    atomic_store(&job->job.timeout_ns, LIBVIRT_OPEN_TIMEOUT_NS);
    bool is_open = libvirt_connection_open(&lane->connection, lane->link->uri,
                                           lane->link, true, &job->answer.failure);

    atomic_store(&job->job.timeout_ns, clock_monotonic_ns() - began_ns);
    return is_open;
}

static bool
connect_lane(struct libvirt_lane *lane, struct libvirt_job *job)
{
    unsigned long version = LIBVIRT_WAITS_SINCE;

    if (libvirt_connection_is_alive(&lane->connection))
        return true;
    libvirt_connection_close(&lane->connection);
    if (!open_connection(lane, job))
        return false;
    (void)virConnectGetLibVersion(lane->connection.handle, &version);
    lane->daemon_waits = version >= LIBVIRT_WAITS_SINCE;
    return true;
}

/* Whether somebody has the domain's job, who may wait for its QEMU.  Neither question
 * needs the job. */
static bool
is_held(virDomainPtr domain)
{
    virDomainControlInfo control = {.state = VIR_DOMAIN_CONTROL_OK};
    int state = VIR_DOMAIN_NOSTATE, reason = 0;

    if (virDomainGetControlInfo(domain, &control, 0) == 0 &&
        control.state != VIR_DOMAIN_CONTROL_OK)
        return true;
    /* As it comes in, the migration has the job, and that does not show. */
    return virDomainGetState(domain, &state, &reason, 0) == 0 &&
           state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_MIGRATION;
}

/* While it runs here and its memory is sent: its state does not tell, its job does. */
static bool
leaves(virDomainPtr domain)
{
    virTypedParameterPtr parameters = NULL;
    int type = VIR_DOMAIN_JOB_NONE, count = 0, operation = 0;

    if (virDomainGetJobStats(domain, &type, &parameters, &count, 0) < 0)
        return false;
    if (type != VIR_DOMAIN_JOB_NONE)
        (void)virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION,
                                   &operation);
    virTypedParamsFree(parameters, count);
    return operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
}

/* Whether libvirt has only not been able to say: another time it may be. */
static bool
is_for_now(enum failure_kind kind)
{
    return kind == FAILURE_BUSY || kind == FAILURE_NOT_RUNNING ||
           kind == FAILURE_UNAVAILABLE;
}

static void
take_failure(const struct libvirt_lane *lane, struct libvirt_job *job)
{
    source_libvirt_last_failure(0, &job->answer.failure);
    if (libvirt_connection_is_alive(&lane->connection) &&
        !is_for_now(job->answer.failure.kind))
        job->definition.outcome = DEFINITION_REFUSED;
}

static void
look_into(const struct libvirt_lane *lane, virDomainPtr domain, struct libvirt_job *job)
{
    struct domain_definition *definition = &job->definition;

    if ((lane->daemon_waits || job->migrates) && is_held(domain))
        return;
    if (job->migrates)
        definition->leaves = leaves(domain);
    char *xml = virDomainGetXMLDesc(domain, 0);

    if (!xml) {
        take_failure(lane, job);
        return;
    }
    definition->outcome = DEFINITION_READ;
    if (lane->link->leaves_xml) {
        definition->unread = xml;
        return;
    }
    if (!domain_xml_parse(xml, &definition->xml)) {
        definition->outcome = DEFINITION_REFUSED;
        failure_set(&job->answer.failure, FAILURE_MALFORMED,
                    "libvirt's XML of the domain is not to be understood");
    }
    free(xml);
}

static void
definition_lane_run(void *state, struct lane_job *lane_job)
{
    struct libvirt_lane *lane = state;
    struct libvirt_job *job = (struct libvirt_job *)lane_job;

    if (!connect_lane(lane, job))
        return;
    virDomainPtr domain =
        virDomainLookupByUUIDString(lane->connection.handle, job->uuid);

    if (!domain) {
        take_failure(lane, job);
        return;
    }
    look_into(lane, domain, job);
    virDomainFree(domain);
}

const struct lanes_driver libvirt_definition_driver = {
    .open = libvirt_lane_open,
    .run = definition_lane_run,
    .close = libvirt_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
