/* A place for each command line that is being read. */
#include "source/qemu/reads.h"

#include "base/file.h"
#include "base/log.h"
#include "kit/memory.h"
#include "source/qemu/process.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct place {
    pid_t pid;         /* 0: nothing is read here */
    const char *guest; /* the reader's, for as long as it reads */
    bool hangs;
};

struct qemu_reads {
    pthread_mutex_t lock; /* guards the places */
    struct place places[QEMU_READS_MAX];
};

struct qemu_reads *
qemu_reads_new(void)
{
    struct qemu_reads *reads = memory_new(1, sizeof(*reads));

    pthread_mutex_init(&reads->lock, NULL);
    return reads;
}

void
qemu_reads_free(struct qemu_reads *reads)
{
    pthread_mutex_destroy(&reads->lock);
    free(reads);
}

/* A place that is free, if nobody reads that process; with the lock held. */
static struct place *
find_place(struct qemu_reads *reads, pid_t pid)
{
    struct place *found = NULL;

    for (size_t i = 0; i < QEMU_READS_MAX; i++) {
        if (reads->places[i].pid == pid)
            return NULL;
        if (reads->places[i].pid == 0)
            found = &reads->places[i];
    }
    return found;
}

static struct place *
begin(struct qemu_reads *reads, const char *guest, pid_t pid)
{
    pthread_mutex_lock(&reads->lock);
    struct place *place = find_place(reads, pid);

    if (place)
        *place = (struct place){.pid = pid, .guest = guest};
    pthread_mutex_unlock(&reads->lock);
    return place;
}

static void
end(struct qemu_reads *reads, struct place *place)
{
    pthread_mutex_lock(&reads->lock);
    if (place->hangs)
        log_info("a process that hung lets its command line be read again",
                 LOG_STR("guest", place->guest), LOG_INT("pid", place->pid));
    *place = (struct place){.pid = 0};
    pthread_mutex_unlock(&reads->lock);
}

enum qemu_read
qemu_reads_command(struct qemu_reads *reads, const char *guest, pid_t pid,
                   struct qemu_command *command)
{
    struct place *place = begin(reads, guest, pid);

    if (!place)
        return QEMU_READ_LATER;
    bool is_qemu = qemu_process_command(pid, command);
    bool is_exhausted = !is_qemu && file_is_exhausted(errno);

    end(reads, place);
    if (is_exhausted)
        return QEMU_READ_LATER;
    return is_qemu ? QEMU_READ_FOUND : QEMU_READ_NONE;
}

bool
qemu_reads_give_up(struct qemu_reads *reads)
{
    bool is_new = false;

    pthread_mutex_lock(&reads->lock);
    for (size_t i = 0; i < QEMU_READS_MAX; i++) {
        struct place *place = &reads->places[i];

        if (place->pid == 0 || place->hangs)
            continue;
        log_warn("a guest's process hangs, and its command line cannot be read; what "
                 "was known of the guest holds, and others are looked at without it",
                 LOG_STR("guest", place->guest), LOG_INT("pid", place->pid));
        place->hangs = is_new = true;
    }
    pthread_mutex_unlock(&reads->lock);
    return is_new;
}

unsigned int
qemu_reads_hanging(struct qemu_reads *reads)
{
    unsigned int count = 0;

    pthread_mutex_lock(&reads->lock);
    for (size_t i = 0; i < QEMU_READS_MAX; i++)
        count += reads->places[i].hangs;
    pthread_mutex_unlock(&reads->lock);
    return count;
}
