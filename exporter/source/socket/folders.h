/* The folders in which sockets of a glob pattern are, or may come: found by looking,
 * and watched by inotify in between.  The loop thread alone. */
#ifndef SOURCE_SOCKET_FOLDERS_H
#define SOURCE_SOCKET_FOLDERS_H

#include <limits.h>
#include <stdbool.h>

typedef struct uv_loop_s uv_loop_t;

struct socket_folders;

/* `changed` on any event in a folder, perhaps several for one change.  `pattern` is
 * borrowed. */
struct socket_folders *socket_folders_new(uv_loop_t *loop, const char *pattern,
                                          void (*changed)(void *context),
                                          void *context);
void socket_folders_free(struct socket_folders *folders);

enum socket_folders_state {
    SOCKET_FOLDERS_NONE,      /* none in which a socket could be or come */
    SOCKET_FOLDERS_UNWATCHED, /* inotify does not tell of all: look again at intervals
                               */
    SOCKET_FOLDERS_WATCHED,
};

/* Which folders there are now. */
enum socket_folders_state socket_folders_look(struct socket_folders *folders);

/* Whether there is one that would hold sockets, but that we may not look into, and
 * which. */
bool socket_folders_denied(const struct socket_folders *folders, char denied[PATH_MAX]);

#endif
