/* Reads command lines of processes on a lane of its own: one that hangs holds up
 * others until the next review.  The loop thread alone. */
#ifndef SOURCE_QEMU_READER_H
#define SOURCE_QEMU_READER_H

#include "source/qemu/command.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mailbox;
struct qemu_reader;

/* `key` and `pid` are those that it was asked with.  `key` and `command` are borrowed;
 * `command` is NULL if it is no QEMU, or /proc does not tell. */
typedef void qemu_reader_done(void *context, const char *key, pid_t pid,
                              const struct qemu_command *command);

struct qemu_reader *qemu_reader_start(struct mailbox *mailbox);
/* `done` comes later, never from within, nor after qemu_reader_stop().  `key` is
 * copied. */
void qemu_reader_ask(struct qemu_reader *reader, pid_t pid, const char *key,
                     qemu_reader_done *done, void *context);
/* Now and then, with CLOCK_MONOTONIC: a thread that hangs is replaced, one that could
 * not be started is tried again, and so is what could not be read. */
void qemu_reader_review(struct qemu_reader *reader, int64_t now_ns);
/* Waits for its threads until the deadline (CLOCK_MONOTONIC).  Whether all have ended.
 */
bool qemu_reader_stop(struct qemu_reader *reader, int64_t deadline_ns);

#endif
