/* /proc. */
#include "source/qemu/process.h"

#include "base/file.h"
#include "kit/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer ones are of thousands of devices: nothing is known of them. */
#define COMMAND_BYTES_MAX ((size_t)512 * 1024)
#define STATUS_BYTES_MAX ((size_t)4096)
/* Fields of /proc/PID/stat behind the program's name, which may hold anything. */
#define FIELD_STATE 3
#define FIELD_STARTED 22

static char *
read_file(pid_t pid, const char *name, size_t bytes_max, size_t *length)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    return file_read(file_open(path), bytes_max, length);
}

int64_t
qemu_process_started(pid_t pid)
{
    size_t length;
    char *status = read_file(pid, "stat", STATUS_BYTES_MAX, &length);
    int error = status ? ESRCH : errno;
    char *field = status ? strrchr(status, ')') : NULL;
    int64_t started = -1;

    if (field)
        field = strchr(field, ' ');
    /* What has ended and was not waited for runs no guest. */
    if (field && (field[1] == 'Z' || field[1] == 'X'))
        field = NULL;
    for (int number = FIELD_STATE; field && number < FIELD_STARTED; number++)
        field = strchr(field + 1, ' ');
    if (field)
        started = strtoll(field, NULL, 10);
    free(status);
    errno = error;
    return started;
}

bool
qemu_process_command(pid_t pid, struct qemu_command *command)
{
    size_t length;
    char *bytes = read_file(pid, "cmdline", COMMAND_BYTES_MAX, &length);
    int error = bytes ? EINVAL : errno;
    bool is_qemu = bytes && qemu_command_parse(bytes, length, command);

    free(bytes);
    errno = error;
    return is_qemu;
}
