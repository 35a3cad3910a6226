/* From a request to the page that answers it: who may, at which path, by which method.
 *
 * A request with a body is refused and its connection closed: none of our paths takes
 * one, and what follows an unread body must not be taken for a request. */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <stddef.h>

struct web_connection;

/* Called by the library with each of our requests, twice: with the headers, and at its
 * end.  `*seen` is NULL at first.  0, or -1: end the connection. */
int web_request_handle(struct web_connection *connection, const char *path,
                       const char *method, const char *version, size_t *upload_bytes,
                       void **seen);

#endif
