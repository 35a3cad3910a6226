/* Who is at the other end, as far as one can tell whom to count together.  Pure. */
#ifndef WEB_REMOTE_H
#define WEB_REMOTE_H

#include <stdbool.h>

#define WEB_REMOTE_BYTES 16

struct sockaddr;

/* Of the same bytes is the same IPv4 address, or the same /64 of IPv6, which one client
 * has for itself.  NULL: nobody's. */
void web_remote_identify(const struct sockaddr *remote,
                         unsigned char out[WEB_REMOTE_BYTES]);
/* By a UNIX socket.  Many clients may stand behind it, as a proxy does. */
bool web_remote_is_local(const unsigned char remote[WEB_REMOTE_BYTES]);

#endif
