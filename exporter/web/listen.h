/* Sockets that listen at the addresses of the configuration. */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include "web/listen_unix.h"

#include <stddef.h>

struct failure;

#define WEB_ADDRESS_BYTES 256
#define WEB_LISTENERS_MAX 2 /* of one address: localhost has two */

struct web_listener {
    int fd;
    unsigned int port;             /* 0: of a UNIX socket */
    char bound[WEB_ADDRESS_BYTES]; /* "127.0.0.1:10177", for people */
    struct web_unix_file file;
};

/* `text` is like ":10177", "127.0.0.1:10177", "[::1]:10177" or "unix:/run/web.sock";
 * ":PORT" is both families, and "localhost:PORT" the loopback address of each that the
 * host has: no name is ever looked up.  0 with `count` sockets, or -1 with one sentence
 * that names the address and the remedy. */
int web_listen(const char *text, struct web_listener out[WEB_LISTENERS_MAX],
               size_t *count, struct failure *why);
/* A duplicate of a socket that listens already; 0, or -1 with one sentence if it is
 * none of TCP's. */
int web_listen_inherited(int fd, struct web_listener *out, struct failure *why);
/* Closes what nobody has taken over. */
void web_listener_close(const struct web_listener *listener);

#endif
