/* The commands of all collectors. */
#include "agent/commands.h"

#include "kit/request.h"

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
        const struct query *query = collectors[i]->queries;

        add(collectors[i]->command);
        for (; query && query->command; query++)
            add(query->command);
    }
    return list;
}

static _Noreturn void
refuse(const struct request *request)
{
    (void)fprintf(stderr, "bug: %s %s is no query of the registry\n", request->command,
                  request->arguments);
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
    refuse(&(struct request){.command = command});
}

/* --- queries, numbered as they stand in the registry --- */

static const struct query *
queries_of(const struct collector *collector, struct query alone[2])
{
    alone[0] = (struct query){collector->command, ""};
    alone[1] = (struct query){NULL, NULL};
    return collector->queries ? collector->queries : alone;
}

struct query_call
commands_number(const struct request *request)
{
    struct query_call call = {.query = 0};
    struct query alone[2];

    for (size_t i = 0; i < collectors_count; i++) {
        const struct query *query = queries_of(collectors[i], alone);

        for (; query->command; query++, call.query++)
            if (request_is_of(request, query, &call.number))
                return call;
    }
    refuse(request);
}

bool
commands_of_number(const struct query_call *call, struct request *request)
{
    uint32_t number = 0;
    struct query alone[2];

    for (size_t i = 0; i < collectors_count; i++) {
        const struct query *query = queries_of(collectors[i], alone);

        for (; query->command; query++) {
            if (number++ != call->query)
                continue;
            request_make(request, query, call->number);
            return true;
        }
    }
    return false;
}

void
commands_write(const struct request *request, struct text *out)
{
    (void)commands_number(request);
    text_add_format(out, "{\"execute\":\"%s\"", request->command);
    if (*request->arguments)
        text_add_format(out, ",\"arguments\":%s", request->arguments);
    text_add_string(out, "}");
}
