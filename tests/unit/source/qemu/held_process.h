/* Command lines of which some are not to be had, instead of /proc: a process whose
 * memory somebody else holds. */
#ifndef UNIT_HELD_PROCESS_H
#define UNIT_HELD_PROCESS_H

#include "source/qemu/process.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "unit/cmocka_any.h"

#define HELD_MAX 128 /* processes, by their numbers */

static struct held_process {
    atomic_bool held;
    atomic_uint begun; /* reads */
    atomic_int error;  /* with which they fail; 0: they do not */
    sem_t release;     /* one of them */
} processes[HELD_MAX];

static inline void
processes_reset(void)
{
    for (size_t i = 0; i < HELD_MAX; i++) {
        atomic_store(&processes[i].held, false);
        atomic_store(&processes[i].begun, 0);
        atomic_store(&processes[i].error, 0);
        assert_int_equal(sem_init(&processes[i].release, 0, 0), 0);
    }
}

/* It is the QEMU of the guest of the same number. */
bool
qemu_process_command(pid_t pid, struct qemu_command *command)
{
    struct held_process *process = &processes[pid];

    atomic_fetch_add(&process->begun, 1);
    if (atomic_load(&process->held))
        assert_int_equal(sem_wait(&process->release), 0);
    *command = (struct qemu_command){.facts = NULL};
    (void)snprintf(command->pid_file, sizeof(command->pid_file), "%d.pid", (int)pid);
    errno = atomic_load(&process->error);
    if (errno != 0)
        return false;
    command->facts = domain_facts_new();
    return true;
}

int64_t
qemu_process_started(pid_t pid)
{
    return 1000 + pid;
}

/* --- instead of the log --- */

static atomic_uint warnings, infos;
/* The guests and processes that warnings named, each closed by ';'. */
static char named[256];

void
log_write(enum log_level level, const char *source_file, int source_line,
          const char *message, ...)
{
    size_t length = strlen(named);
    va_list fields;

    (void)source_file;
    (void)source_line;
    atomic_fetch_add(&warnings, level == LOG_WARN);
    atomic_fetch_add(&infos, level == LOG_INFO);
    if (level != LOG_WARN)
        return;
    va_start(fields, message);
    for (struct log_field field = va_arg(fields, struct log_field); field.key;
         field = va_arg(fields, struct log_field)) {
        if (strcmp(field.key, "guest") == 0)
            length += (size_t)snprintf(named + length, sizeof(named) - length, "%s ",
                                       field.string);
        if (strcmp(field.key, "pid") == 0)
            length += (size_t)snprintf(named + length, sizeof(named) - length, "%d;",
                                       (int)field.integer);
    }
    va_end(fields);
}

#endif
