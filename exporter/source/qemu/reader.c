/* Command lines, read elsewhere. */
#include "source/qemu/reader.h"

#include "base/clock.h"
#include "base/lanes.h"
#include "kit/memory.h"
#include "source/qemu/reads.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Each process that hangs costs one, and others are read meanwhile. */
#define LANES_MAX (QEMU_READS_MAX + 1)
/* It is logged, so a host that is merely busy is to be done by then. */
#define OVERDUE_NS (INT64_C(5) * 1000 * 1000 * 1000)

struct qemu_reader {
    atomic_uint references; /* its owner's, and one of each job */
    struct qemu_reads *reads;
    struct lanes *lanes; /* NULL: it has stopped, and what still comes is void */
    struct job *later;   /* those that are to be asked again */
};

struct job {
    struct lane_job job;
    struct qemu_reader *reader;
    pid_t pid;
    char *key;
    enum qemu_read read;
    struct qemu_command command;
    struct job *next; /* of those for later */
    qemu_reader_done *done;
    void *context;
};

static void
unref(struct qemu_reader *reader)
{
    if (atomic_fetch_sub(&reader->references, 1) != 1)
        return;
    qemu_reads_free(reader->reads);
    free(reader);
}

static void
drop(struct lane_job *lane_job)
{
    struct job *job = (struct job *)lane_job;

    if (job->read == QEMU_READ_FOUND)
        domain_facts_unref(job->command.facts);
    unref(job->reader);
    free(job->key);
    free(job);
}

static void
deliver(struct mail *mail)
{
    struct job *job = (struct job *)mail;
    struct qemu_reader *reader = job->reader;

    if (reader->lanes && job->read == QEMU_READ_LATER) {
        job->next = reader->later;
        reader->later = job;
        return;
    }
    if (reader->lanes)
        job->done(job->context, job->key, job->pid,
                  job->read == QEMU_READ_FOUND ? &job->command : NULL);
    drop(&job->job);
}

static void *
open_lane(void *context)
{
    return context;
}

static void
run(void *lane, struct lane_job *lane_job)
{
    struct job *job = (struct job *)lane_job;

    (void)lane;
    job->read =
        qemu_reads_command(job->reader->reads, job->key, job->pid, &job->command);
}

static void
let_go(void *nothing)
{
    (void)nothing;
}

static const struct lanes_driver driver = {
    .open = open_lane, .run = run, .close = let_go, .drop = drop, .release = let_go};

struct qemu_reader *
qemu_reader_start(struct mailbox *mailbox)
{
    struct qemu_reader *reader = memory_new(1, sizeof(*reader));

    atomic_init(&reader->references, 1);
    reader->reads = qemu_reads_new();
    reader->lanes = lanes_start(&driver, NULL, 1, LANES_MAX, mailbox);
    return reader;
}

static void
review_lanes(struct qemu_reader *reader, int64_t now_ns)
{
    if (lanes_review(reader->lanes, now_ns, OVERDUE_NS) > 0)
        (void)qemu_reads_give_up(reader->reads);
}

void
qemu_reader_review(struct qemu_reader *reader, int64_t now_ns)
{
    struct job *job = reader->later, *next;

    review_lanes(reader, now_ns);
    reader->later = NULL;
    for (; job; job = next) {
        next = job->next;
        lanes_submit(reader->lanes, &job->job);
    }
}

void
qemu_reader_ask(struct qemu_reader *reader, pid_t pid, const char *key,
                qemu_reader_done *done, void *context)
{
    struct job *job = memory_new(1, sizeof(*job));

    job->job.mail.deliver = deliver;
    job->reader = reader;
    atomic_fetch_add(&reader->references, 1);
    job->pid = pid;
    job->key = memory_string(key);
    job->done = done;
    job->context = context;
    review_lanes(reader, clock_monotonic_ns());
    lanes_submit(reader->lanes, &job->job);
}

bool
qemu_reader_stop(struct qemu_reader *reader, int64_t deadline_ns)
{
    bool has_ended = lanes_stop(reader->lanes, deadline_ns);
    struct job *job, *next;

    for (job = reader->later; job; job = next) {
        next = job->next;
        drop(&job->job);
    }
    reader->later = NULL;
    reader->lanes = NULL;
    unref(reader);
    return has_ended;
}
