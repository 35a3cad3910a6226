/* Which command lines are being read.  Of a process whose memory somebody else holds,
 * /proc tells when that is over, so each such read may cost its thread, and no second
 * one.  Any thread. */
#ifndef SOURCE_QEMU_READS_H
#define SOURCE_QEMU_READS_H

#include "source/qemu/command.h"

#include <stdbool.h>
#include <sys/types.h>

/* At once; further ones wait until one of these has come back. */
#define QEMU_READS_MAX 16

enum qemu_read {
    QEMU_READ_NONE, /* it is no QEMU, or /proc does not tell */
    QEMU_READ_FOUND,
    /* It is being read, or too many are, or there are no files or no memory for it:
     * nothing was touched, and it is to be asked again. */
    QEMU_READ_LATER,
};

struct qemu_reads;

struct qemu_reads *qemu_reads_new(void);
void qemu_reads_free(struct qemu_reads *reads);

/* May hang.  `guest` names it in the log. */
enum qemu_read qemu_reads_command(struct qemu_reads *reads, const char *guest,
                                  pid_t pid, struct qemu_command *command);

/* A thread was given up: what is being read hangs, and the log names each of these
 * once.  Whether there is one that was not known to. */
bool qemu_reads_give_up(struct qemu_reads *reads);
/* How many hang now. */
unsigned int qemu_reads_hanging(struct qemu_reads *reads);

#endif
