/* Command lines, read elsewhere. */
#include "source/qemu/reader.h"

#include "base/clock.h"
#include "base/lanes.h"
#include "kit/memory.h"
#include "source/qemu/process.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Of a process whose memory somebody else holds, /proc tells when that is over: others
 * are read meanwhile. */
#define LANES_MAX 4
#define OVERDUE_NS (INT64_C(1) * 1000 * 1000 * 1000)

struct qemu_reader {
    atomic_uint references; /* its owner's, and one of each job */
    struct lanes *lanes;    /* NULL: it has stopped, and what still comes is void */
};

struct job {
    struct lane_job job;
    struct qemu_reader *reader;
    pid_t pid;
    char *key;
    bool is_qemu;
    struct qemu_command command;
    void (*done)(const struct qemu_reading *reading);
    void *context;
};

static void
unref(struct qemu_reader *reader)
{
    if (atomic_fetch_sub(&reader->references, 1) == 1)
        free(reader);
}

static void
drop(struct lane_job *lane_job)
{
    struct job *job = (struct job *)lane_job;

    if (job->is_qemu)
        domain_facts_unref(job->command.facts);
    unref(job->reader);
    free(job->key);
    free(job);
}

static void
deliver(struct mail *mail)
{
    struct job *job = (struct job *)mail;

    const struct qemu_reading reading = {
        .context = job->context,
        .key = job->key,
        .pid = job->pid,
        .command = job->is_qemu ? &job->command : NULL,
    };

    if (job->reader->lanes)
        job->done(&reading);
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
    job->is_qemu = qemu_process_command(job->pid, &job->command);
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
    reader->lanes = lanes_start(&driver, NULL, 1, LANES_MAX, mailbox);
    return reader;
}

void
qemu_reader_review(struct qemu_reader *reader)
{
    (void)lanes_review(reader->lanes, clock_monotonic_ns(), OVERDUE_NS);
}

void
qemu_reader_ask(struct qemu_reader *reader, pid_t pid, const char *key,
                void (*done)(const struct qemu_reading *reading), void *context)
{
    struct job *job = memory_new(1, sizeof(*job));

    job->job.mail.deliver = deliver;
    job->reader = reader;
    atomic_fetch_add(&reader->references, 1);
    job->pid = pid;
    job->key = memory_string(key);
    job->done = done;
    job->context = context;
    qemu_reader_review(reader);
    lanes_submit(reader->lanes, &job->job);
}

bool
qemu_reader_stop(struct qemu_reader *reader, int64_t deadline_ns)
{
    bool has_ended = lanes_stop(reader->lanes, deadline_ns);

    reader->lanes = NULL;
    unref(reader);
    return has_ended;
}
