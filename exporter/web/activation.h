/* Sockets on which a service manager listens for us: the protocol of sd_listen_fds(3).
 */
#ifndef WEB_ACTIVATION_H
#define WEB_ACTIVATION_H

#include <stddef.h>

struct failure;

#define WEB_ACTIVATION_FIRST_FD 3
#define WEB_ACTIVATION_SOCKETS_MAX 16

/* How many there are, from WEB_ACTIVATION_FIRST_FD on; whatever we start does not get
 * them.  -1 with one sentence if there is none. */
int web_activation_take(struct failure *why);
/* For a process that does not serve: closes them, before others have their numbers. */
void web_activation_leave(void);

#endif
