/* Answers over libmicrohttpd: status, headers and body. */
#ifndef WEB_RESPONSE_H
#define WEB_RESPONSE_H

#include "web/pages.h"

#include <stdbool.h>

struct MHD_Connection;
struct web_header;

/* Gives a page, which is taken, as the answer; `close`: and no more on this connection.
 * 0, or -1: end the connection. */
int web_response_send(const struct web_page *page, bool close,
                      const struct web_header *configured,
                      struct MHD_Connection *connection);

#endif
