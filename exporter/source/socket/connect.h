/* A connection to an agent's socket: how it is had, why not, and how it is left.  Does
 * not block. */
#ifndef SOURCE_SOCKET_CONNECT_H
#define SOURCE_SOCKET_CONNECT_H

#include "kit/failure.h"

/* The descriptor, which does not block, or -1: see `why`. */
int socket_connect(const char *path, struct failure *why);
/* Lets nothing more in, takes what is there, and closes. */
void socket_disconnect(int fd);

/* That somebody else has the socket. */
void socket_explain_held(const char *path, struct failure *why);

#endif
