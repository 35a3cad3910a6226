/* Sockets that listen at the addresses of the configuration. */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

struct failure;

#define WEB_ADDRESS_BYTES 256

struct web_listener {
    int fd;
    unsigned int port;
    char bound[WEB_ADDRESS_BYTES]; /* "127.0.0.1:10177", for people */
};

/* `text` is like ":10177", "127.0.0.1:10177" or "[::1]:10177"; ":PORT" is both
 * families.  0, or -1 with one sentence that names the address and the remedy. */
int web_listen(const char *text, struct web_listener *out, struct failure *why);

#endif
