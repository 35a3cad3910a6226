/* What the processes of a separated exporter order of each other, besides what guests
 * are about: one packet each, over a socket that keeps packets apart.  Never blocks. */
#ifndef BROKER_ORDERS_H
#define BROKER_ORDERS_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The bytes of ORDER_KILL, with the order's own. */
#define ORDER_KILL_BYTES (1 + sizeof(int64_t))
/* What either part sends is no longer. */
#define ORDER_WISH_BYTES_MAX 80
/* The bytes of ORDER_ALLOW: all sources of a configuration. */
#define ORDER_BYTES_MAX ((size_t)128 * 1024)

enum order {
    ORDER_SERVE,  /* with a socket: the way to the other part from now on */
    ORDER_ALLOW,  /* to the broker: the sources, as broker_allow() reads them */
    ORDER_RELOAD, /* from who reads: it wants one */
    ORDER_NOTIFY, /* from who reads: what to say to the service manager */
    ORDER_KILL,   /* from either: the other part says what it must not, or is gone; with
                     the number of ways that came to who sends it, by which one that has
                     been started meanwhile is not meant */
    ORDER_BEGUN,  /* from either, first of all: it has come up, and from now on hears
                     what others say */
};

/* Both ends; false with errno. */
bool orders_pair(int ends[2]);
/* `bytes` may be NULL, and `fd` -1. */
bool order_send(int control, enum order order, const struct text *bytes, int fd);
bool order_kill(int control, int64_t ways);
/* Its length, with the byte of the order before the others; 0: the other end is gone,
 * -1: there is none.  A socket that came with it is the caller's, else `fd` is -1. */
ssize_t order_take(int control, char *bytes, size_t bytes_max, int *fd);

#endif
