/* What a QEMU's command line says of its guest: who it is, and what it was given.
 * Pure. */
#ifndef SOURCE_QEMU_COMMAND_H
#define SOURCE_QEMU_COMMAND_H

#include "source/domain_facts.h"

#include <stdbool.h>
#include <stddef.h>

#define QEMU_COMMAND_PID_FILE_BYTES 32
#define QEMU_COMMAND_UUID_BYTES 37

struct qemu_command {
    char pid_file[QEMU_COMMAND_PID_FILE_BYTES]; /* its name, without the folder; "" */
    char uuid[QEMU_COMMAND_UUID_BYTES];         /* "" */
    bool is_stopped;                            /* -S: until somebody lets it go on */
    bool is_incoming;                           /* its memory comes from elsewhere */
    /* The name as title, vCPUs, memory, NICs with an address of their own, and disks,
     * called by their device's ID.  A reference, the caller's. */
    struct domain_facts *facts;
};

/* The arguments, each closed by a NUL.  False: it is no QEMU. */
bool qemu_command_parse(const char *bytes, size_t length, struct qemu_command *command);

/* In small letters.  False, and nothing is written: it is no UUID. */
bool qemu_command_uuid(const char *value, char uuid[QEMU_COMMAND_UUID_BYTES]);

#endif
