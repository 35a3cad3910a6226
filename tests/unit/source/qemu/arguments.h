/* A command line, as a test writes it. */
#ifndef UNIT_QEMU_ARGUMENTS_H
#define UNIT_QEMU_ARGUMENTS_H

#include "source/qemu/command.h"

#include <string.h>

#define ARGUMENTS_BYTES_MAX 16384

/* `arguments` ends with NULL. */
static inline bool
parse_arguments(const char *const *arguments, struct qemu_command *command)
{
    char bytes[ARGUMENTS_BYTES_MAX];
    size_t length = 0;

    for (; *arguments; arguments++) {
        memcpy(bytes + length, *arguments, strlen(*arguments) + 1);
        length += strlen(*arguments) + 1;
    }
    return qemu_command_parse(bytes, length, command);
}
#define PARSE(command, ...)                                                            \
    parse_arguments((const char *const[]){__VA_ARGS__, NULL}, command)

#endif
