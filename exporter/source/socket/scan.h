/* Which sockets there are: a glob pattern, kept up to date by inotify and, where that
 * does not reach, by looking again.  The loop thread alone. */
#ifndef SOURCE_SOCKET_SCAN_H
#define SOURCE_SOCKET_SCAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;

struct socket_scan_listener {
    void (*found)(void *context, const char *path);
    void (*remade)(void *context,
                   const char *path); /* another socket of the same path */
    /* It may be another one with the old one's inode number, or have other rights. */
    void (*touched)(void *context, const char *path);
    void (*lost)(void *context, const char *path);
    /* After each look: NULL, or why there can be nothing (borrowed); and how many
     * sockets fit the pattern, but are beyond the limit. */
    void (*looked)(void *context, const char *trouble, size_t beyond);
    void *context;
};

/* How often to look where the kernel does not tell, and how often where it does, in
 * case it missed something; and the most sockets. */
struct socket_scan_pace {
    uint64_t often_ms, seldom_ms;
    size_t sockets_max;
};
extern const struct socket_scan_pace socket_scan_usual;

struct socket_scan;

/* The first look is taken soon.  `pattern` is glob(7) with {a,b}; copied.  `pace` is
 * borrowed until socket_scan_stop(). */
struct socket_scan *socket_scan_start(uv_loop_t *loop, const char *pattern,
                                      const struct socket_scan_pace *pace,
                                      const struct socket_scan_listener *listener);
void socket_scan_stop(struct socket_scan *scan);

#endif
