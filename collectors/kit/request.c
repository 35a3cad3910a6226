/* The place of the number. */
#include "kit/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_PLACE '#'

void
request_make(struct request *request, const struct query *query, int64_t number)
{
    const char *place = strchr(query->arguments, NUMBER_PLACE);
    size_t room = sizeof(request->arguments);

    request->command = query->command;
    if (place)
        (void)snprintf(request->arguments, room, "%.*s%" PRId64 "%s",
                       (int)(place - query->arguments), query->arguments, number,
                       place + 1);
    else
        (void)snprintf(request->arguments, room, "%s", query->arguments);
}

/* By making it: no other way of writing the number counts. */
bool
request_is_of(const struct request *request, const struct query *query, int64_t *number)
{
    const char *place = strchr(query->arguments, NUMBER_PLACE);
    struct request made;

    *number = 0;
    if (strcmp(request->command, query->command) != 0)
        return false;
    if (place && strlen(request->arguments) > (size_t)(place - query->arguments))
        *number = strtoll(request->arguments + (place - query->arguments), NULL, 10);
    request_make(&made, query, *number);
    return strcmp(request->arguments, made.arguments) == 0;
}
