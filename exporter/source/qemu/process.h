/* A process of the host that may be a QEMU, by /proc.  What it says of a process that
 * hangs may take long: on a lane. */
#ifndef SOURCE_QEMU_PROCESS_H
#define SOURCE_QEMU_PROCESS_H

#include "source/qemu/command.h"

#include <stdint.h>
#include <sys/types.h>

/* When it was started, in clock ticks since the host was (proc(5)): with the pid it
 * names one process.  -1 with errno: it is not there (any more, ESRCH),
 * or /proc does not tell. */
int64_t qemu_process_started(pid_t pid);

/* False with errno: it is no QEMU (EINVAL), or /proc does not tell. */
bool qemu_process_command(pid_t pid, struct qemu_command *command);

#endif
