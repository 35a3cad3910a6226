/* From an address to whom it counts for. */
#include "web/remote.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define FOUR_BYTES 4
#define SIX_BYTES 8 /* of the /64 */
#define LOCAL 1     /* in the place of their number */

void
web_remote_identify(const struct sockaddr *remote, unsigned char out[WEB_REMOTE_BYTES])
{
    memset(out, 0, WEB_REMOTE_BYTES);
    if (!remote)
        return;
    if (remote->sa_family == AF_INET) {
        struct sockaddr_in four;

        memcpy(&four, remote, sizeof(four));
        memcpy(out, &four.sin_addr, FOUR_BYTES);
        out[WEB_REMOTE_BYTES - 1] = FOUR_BYTES;
    } else if (remote->sa_family == AF_INET6) {
        struct sockaddr_in6 six;

        memcpy(&six, remote, sizeof(six));
        bool mapped = IN6_IS_ADDR_V4MAPPED(&six.sin6_addr);
        unsigned char bytes = mapped ? FOUR_BYTES : SIX_BYTES;

        memcpy(out, six.sin6_addr.s6_addr + (mapped ? 12 : 0), bytes);
        out[WEB_REMOTE_BYTES - 1] = bytes;
    } else if (remote->sa_family == AF_UNIX) {
        out[WEB_REMOTE_BYTES - 1] = LOCAL;
    }
}

bool
web_remote_is_local(const unsigned char remote[WEB_REMOTE_BYTES])
{
    return remote[WEB_REMOTE_BYTES - 1] == LOCAL;
}
