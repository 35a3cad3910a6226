/* The commands of all collectors. */
#include "agent/commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *list[COMMANDS_MAX + 1];

static void
add(const char *command)
{
    size_t row = 0;

    while (list[row] && strcmp(list[row], command) != 0)
        row++;
    list[row] = command;
}

/* The loop thread is the first to ask, before there are others. */
const char *const *
commands_list(void)
{
    if (list[0])
        return list;
    for (size_t i = 0; i < collectors_count; i++) {
        add(collectors[i]->command);
        for (size_t j = 0; j < COLLECTOR_MORE_COMMANDS_MAX; j++) {
            if (collectors[i]->more_commands[j])
                add(collectors[i]->more_commands[j]);
        }
    }
    return list;
}

static _Noreturn void
refuse(const char *command)
{
    (void)fprintf(stderr, "bug: %s is no command of the registry\n", command);
    abort();
}

size_t
commands_row(const char *command)
{
    const char *const *commands = commands_list();

    for (size_t row = 0; commands[row]; row++) {
        if (strcmp(commands[row], command) == 0)
            return row;
    }
    refuse(command);
}

static bool
is_registered(const char *command)
{
    for (size_t i = 0; i < collectors_count; i++) {
        if (strcmp(collectors[i]->command, command) == 0)
            return true;
        for (size_t j = 0; j < COLLECTOR_MORE_COMMANDS_MAX; j++) {
            const char *more = collectors[i]->more_commands[j];

            if (more && strcmp(more, command) == 0)
                return true;
        }
    }
    return false;
}

void
commands_write(const struct request *request, struct text *out)
{
    if (!is_registered(request->command))
        refuse(request->command);
    text_add_format(out, "{\"execute\":\"%s\"", request->command);
    if (*request->arguments)
        text_add_format(out, ",\"arguments\":%s", request->arguments);
    text_add_string(out, "}");
}
