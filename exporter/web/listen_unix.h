/* UNIX sockets that listen: their file, its rights, and its end. */
#ifndef WEB_LISTEN_UNIX_H
#define WEB_LISTEN_UNIX_H

#include <sys/types.h>

struct failure;

#define WEB_UNIX_PREFIX "unix:"
#define WEB_UNIX_PATH_BYTES 108 /* of struct sockaddr_un, with the NUL */
/* For the exporter's user and group, whatever the umask: who else may connect is said
 * by the folder. */
#define WEB_UNIX_MODE 0660

/* The file of a socket; "": none. */
struct web_unix_file {
    char path[WEB_UNIX_PATH_BYTES];
    dev_t device;
    ino_t inode;
};

/* The listening socket, or -1 with one sentence that names the path and the remedy. The
 * file of a socket on which nobody listens any more is replaced, everything else is
 * left as it is. */
int web_unix_listen(const char *path, struct web_unix_file *file, struct failure *why);
/* Removes the file, if it is still the same; before the socket is closed, which keeps
 * the inode from another. */
void web_unix_remove(const struct web_unix_file *file);

#endif
