/* A connection to an agent's socket: how it is had, why not, and how it is left.  Does
 * not block. */
#ifndef SOURCE_SOCKET_CONNECT_H
#define SOURCE_SOCKET_CONNECT_H

#include "kit/failure.h"

#include <stdbool.h>

/* Whether the path leads to libvirt's own channel: whoever connects to that has the
 * agent instead of libvirt as soon as the daemon restarts. */
bool socket_is_libvirts(const char *path);

/* The descriptor, which does not block, or -1: see `why`.  One to libvirt's own channel
 * cannot be had, wherever the path has led before. */
int socket_connect(const char *path, struct failure *why);
/* Lets nothing more in, takes what is there, and closes. */
void socket_disconnect(int fd);

/* That somebody else has the socket. */
void socket_explain_held(const char *path, struct failure *why);

#endif
