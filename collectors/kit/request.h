/* What is asked of an agent: requests, made of queries.  Pure. */
#ifndef KIT_REQUEST_H
#define KIT_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#define REQUEST_ARGUMENTS_BYTES 128

/* What may be asked: constants, and one number at most, never text from the config, the
 * network or the guest. */
struct query {
    const char *command;
    /* A JSON object, or "".  `#`, once, stands for an integer that the agent gave (a
     * file handle). */
    const char *arguments;
};

/* One call of a conversation: a query of the collector's own, with its number. */
struct request {
    const char *command;
    char arguments[REQUEST_ARGUMENTS_BYTES];
};

/* The query with this number in its place, if it has one. */
void request_make(struct request *request, const struct query *query, int64_t number);
/* Whether it is one of this query, and with which number (0 where it has none). */
bool request_is_of(const struct request *request, const struct query *query,
                   int64_t *number);

#endif
