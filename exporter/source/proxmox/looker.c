/* Looks, taken elsewhere. */
#include "source/proxmox/looker.h"

#include "base/clock.h"
#include "base/lanes.h"
#include "base/log.h"
#include "kit/memory.h"
#include "source/qemu/reads.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A look that takes longer hangs: with a guest's process, which is left out then, or in
 * the cluster's file system. */
#define OVERDUE_NS (10 * NS_PER_S)
/* Then the configurations are left out.  One thread of those that hang may do so for
 * ever, so another tries them now and then; and there is one to look at the rest. */
#define RETRY_NS (60 * NS_PER_S)
#define HANGING_MAX 2
#define LANES_MAX (QEMU_READS_MAX + HANGING_MAX + 2)

struct proxmox_looker {
    atomic_uint references; /* its owner's, the lanes', and one of each job */
    struct proxmox_folders folders;
    struct qemu_reads *reads;
    struct lanes *lanes; /* NULL: it has stopped, and what still comes is void */
    void (*done)(void *context, const struct proxmox_seen *seen);
    void *context;
    bool is_looking;
    bool is_blind;       /* the last look was */
    bool hangs;          /* with configurations no look has come to its end since */
    int64_t retry_ns;    /* CLOCK_MONOTONIC */
    unsigned int number; /* of the look that is waited for */
};

struct job {
    struct lane_job job;
    struct proxmox_looker *looker;
    unsigned int number;
    bool without_configurations;
    struct proxmox_seen seen;
};

static void
unref(struct proxmox_looker *looker)
{
    if (atomic_fetch_sub(&looker->references, 1) != 1)
        return;
    qemu_reads_free(looker->reads);
    free(looker->folders.sockets);
    free(looker->folders.pid_files);
    free(looker->folders.configurations);
    free(looker);
}

static struct proxmox_looker *
ref(struct proxmox_looker *looker)
{
    atomic_fetch_add(&looker->references, 1);
    return looker;
}

static void
drop(struct lane_job *lane_job)
{
    struct job *job = (struct job *)lane_job;

    proxmox_seen_clear(&job->seen);
    unref(job->looker);
    free(job);
}

static void
note_blindness(struct proxmox_looker *looker, const struct proxmox_seen *seen)
{
    if (seen->is_blind && !looker->is_blind)
        log_warn("the guests' files cannot be looked at, and guests stay as they were "
                 "known; trying again",
                 LOG_STR("reason", seen->trouble));
    else if (!seen->is_blind && looker->is_blind)
        log_info("the guests' files can be looked at again");
    looker->is_blind = seen->is_blind;
}

static void
deliver(struct mail *mail)
{
    struct job *job = (struct job *)mail;
    struct proxmox_looker *looker = job->looker;

    looker->hangs = looker->hangs && job->without_configurations;
    /* One that was given up is older than what was seen since. */
    if (looker->lanes && job->number == looker->number) {
        looker->is_looking = false;
        note_blindness(looker, &job->seen);
        if (!job->seen.is_blind)
            looker->done(looker->context, &job->seen);
    }
    drop(&job->job);
}

static void *
open_lane(void *context)
{
    const struct proxmox_looker *looker = context;

    return proxmox_inventory_new(&looker->folders, looker->reads);
}

static void
run(void *inventory, struct lane_job *lane_job)
{
    struct job *job = (struct job *)lane_job;

    proxmox_inventory_look(inventory, job->without_configurations, &job->seen);
}

static void
close_lane(void *inventory)
{
    proxmox_inventory_free(inventory);
}

static void
release(void *context)
{
    unref(context);
}

static const struct lanes_driver driver = {.open = open_lane,
                                           .run = run,
                                           .close = close_lane,
                                           .drop = drop,
                                           .release = release};

struct proxmox_looker *
proxmox_looker_start(struct mailbox *mailbox, const struct proxmox_folders *folders,
                     void (*done)(void *context, const struct proxmox_seen *seen),
                     void *context)
{
    struct proxmox_looker *looker = memory_new(1, sizeof(*looker));

    atomic_init(&looker->references, 1);
    looker->folders = (struct proxmox_folders){
        .sockets = memory_string(folders->sockets),
        .pid_files = memory_string(folders->pid_files),
        .configurations = memory_string(folders->configurations),
    };
    looker->reads = qemu_reads_new();
    looker->done = done;
    looker->context = context;
    looker->lanes = lanes_start(&driver, ref(looker), 1, LANES_MAX, mailbox);
    return looker;
}

static bool
may_retry(const struct proxmox_looker *looker, int64_t now_ns)
{
    return now_ns >= looker->retry_ns &&
           lanes_figures(looker->lanes).abandoned <
               HANGING_MAX + qemu_reads_hanging(looker->reads);
}

bool
proxmox_looker_look(struct proxmox_looker *looker, int64_t now_ns)
{
    bool given_up = lanes_review(looker->lanes, now_ns, OVERDUE_NS) > 0;

    if (given_up && !qemu_reads_give_up(looker->reads)) {
        looker->hangs = true;
        looker->retry_ns = now_ns + RETRY_NS;
    }
    if (looker->is_looking && !given_up)
        return looker->hangs;
    struct job *job = memory_new(1, sizeof(*job));

    job->job.mail.deliver = deliver;
    job->looker = ref(looker);
    job->number = ++looker->number;
    job->without_configurations = looker->hangs && !may_retry(looker, now_ns);
    looker->is_looking = true;
    lanes_submit(looker->lanes, &job->job);
    return looker->hangs;
}

bool
proxmox_looker_stop(struct proxmox_looker *looker, int64_t deadline_ns)
{
    bool has_ended = lanes_stop(looker->lanes, deadline_ns);

    looker->lanes = NULL;
    unref(looker);
    return has_ended;
}
