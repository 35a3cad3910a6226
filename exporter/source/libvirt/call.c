/* Lanes that carry calls: one connection each, because several threads on one
 * connection are not safe in clients before libvirt 10.4 (CVE-2024-4418), and a
 * connection with five calls in flight is no longer read by the daemon. */
#include "source/libvirt/lane.h"

#include "agent/commands.h"
#include "base/clock.h"
#include "base/text.h"
#include "kit/memory.h"
#include "source/libvirt/error.h"
#include "source/libvirt/job.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* Handles kept by a lane, so that a call costs one round trip to the daemon and not
 * two. Guests that went away leave theirs behind, so at this number all are dropped. */
#define HANDLES_MAX 4096

#define COMMAND_BYTES_MAX (128 + REQUEST_ARGUMENTS_BYTES)

/* QEMU answers its monitor at once; who has waited for so long waits for one that
 * hangs. */
#define MONITOR_HANGS_MS 1000

struct handle {
    char uuid[UUID_BYTES];
    virDomainPtr domain;
    UT_hash_handle hh;
};

struct call_lane {
    struct libvirt_link *link;
    struct libvirt_connection connection;
    struct handle *handles;
};

static void *
call_lane_open(void *context)
{
    struct call_lane *lane = memory_new(1, sizeof(*lane));

    lane->link = context;
    return lane;
}

static void
drop_handles(struct call_lane *lane)
{
    struct handle *handle, *next;

    HASH_ITER (hh, lane->handles, handle, next) {
        /* NOLINTNEXTLINE(clang-analyzer-*): it loses count of the table */
        HASH_DEL(lane->handles, handle);
        virDomainFree(handle->domain);
        free(handle);
    }
}

static void
disconnect(struct call_lane *lane)
{
    drop_handles(lane);
    libvirt_connection_close(&lane->connection);
}

static void
call_lane_close(void *state)
{
    struct call_lane *lane = state;

    disconnect(lane);
    free(lane);
}

static bool
connect_lane(struct call_lane *lane, struct answer *answer)
{
    if (libvirt_connection_is_alive(&lane->connection))
        return true;
    disconnect(lane);
    if (libvirt_connection_open(&lane->connection, lane->link->uri, lane->link, true,
                                &answer->failure))
        return true;
    if (answer->failure.kind != FAILURE_DENIED)
        answer->failure.kind = FAILURE_UNAVAILABLE;
    return false;
}

static virDomainPtr
domain_handle(struct call_lane *lane, const char *uuid)
{
    struct handle *handle;

    HASH_FIND_STR(lane->handles, uuid, handle);
    if (handle)
        return handle->domain;

    virDomainPtr domain = virDomainLookupByUUIDString(lane->connection.handle, uuid);

    if (!domain)
        return NULL;
    if (HASH_COUNT(lane->handles) >= HANDLES_MAX)
        drop_handles(lane);
    handle = memory_new(1, sizeof(*handle));
    memcpy(handle->uuid, uuid, UUID_BYTES);
    handle->domain = domain;
    /* NOLINTNEXTLINE(clang-analyzer-*): the table that was dropped is NULL */
    HASH_ADD_STR(lane->handles, uuid, handle);
    return domain;
}

/* Whether somebody waits for its monitor; libvirt tells without waiting itself. */
static bool
qemu_hangs(virDomainPtr domain)
{
    virDomainControlInfo control = {.state = VIR_DOMAIN_CONTROL_OK};

    return virDomainGetControlInfo(domain, &control, 0) == 0 &&
           control.state == VIR_DOMAIN_CONTROL_OCCUPIED &&
           control.stateTime >= MONITOR_HANGS_MS;
}

static void
ask(virDomainPtr domain, const struct libvirt_job *job, struct answer *answer)
{
    /* libvirt counts in whole seconds; the config allows no others. */
    int timeout_s = (int)(atomic_load(&job->job.timeout_ns) / 1000000000);
    struct text command = TEXT_INIT(COMMAND_BYTES_MAX);

    commands_write(&job->request, &command);
    answer->sent_mono_ns = clock_monotonic_ns();
    answer->sent_ns = clock_realtime_ns();
    answer->reply = virDomainQemuAgentCommand(domain, command.bytes, timeout_s, 0);
    answer->received_ns = clock_realtime_ns();
    answer->received_mono_ns = clock_monotonic_ns();
    text_free(&command);
    if (answer->reply) {
        answer->reply_length = strlen(answer->reply);
        return;
    }
    source_libvirt_last_failure(answer->received_mono_ns - answer->sent_mono_ns,
                                &answer->failure);
    if (answer->failure.kind == FAILURE_MALFORMED)
        answer->channel = virGetLastErrorCode() == VIR_ERR_AGENT_UNRESPONSIVE
                              ? CALL_FOUND_CHANNEL_BROKEN
                              : CALL_BROKE_CHANNEL;
    answer->qemu_hangs = answer->failure.kind == FAILURE_TIMEOUT && qemu_hangs(domain);
}

static void
call_lane_run(void *state, struct lane_job *lane_job)
{
    struct call_lane *lane = state;
    struct libvirt_job *job = (struct libvirt_job *)lane_job;
    struct answer *answer = &job->answer;

    answer->sent_mono_ns = answer->received_mono_ns = clock_monotonic_ns();
    if (!connect_lane(lane, answer))
        return;

    virDomainPtr domain = domain_handle(lane, job->uuid);

    if (domain)
        ask(domain, job, answer);
    else
        source_libvirt_last_failure(0, &answer->failure);
    if (!answer->reply && !libvirt_connection_is_alive(&lane->connection)) {
        answer->failure.kind = FAILURE_UNAVAILABLE;
        answer->channel = CALL_CHANNEL_WHOLE; /* the words are of a daemon that dies */
    }
}

const struct lanes_driver libvirt_call_driver = {
    .open = call_lane_open,
    .run = call_lane_run,
    .close = call_lane_close,
    .drop = libvirt_job_drop,
    .release = libvirt_link_unref,
};
