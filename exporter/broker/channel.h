/* Messages between two processes of the program, over a socket.  Loop thread. */
#ifndef BROKER_CHANNEL_H
#define BROKER_CHANNEL_H

#include "base/text.h"
#include "broker/bytes.h"

#include <stddef.h>

typedef struct uv_loop_s uv_loop_t;

/* What waits for a reader that does not read; with more, the channel is broken. */
#define CHANNEL_WAITING_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct channel_listener {
    /* Borrowed.  False: it says what cannot be, and the channel is broken. */
    bool (*told)(void *context, unsigned int kind, struct bytes *message);
    /* The other end is gone, or broke the rules; once, and never from within a call of
     * this module.  channel_close() is to follow. */
    void (*broke)(void *context, const char *why);
    void *context;
};

struct channel;

/* A connected stream socket, the channel's from here on.  A message that comes may have
 * `bytes_max`. */
struct channel *channel_open(uv_loop_t *loop, int fd, size_t bytes_max,
                             const struct channel_listener *listener);
enum channel_haste {
    CHANNEL_NOW,  /* it goes out, with what else is said, before the loop waits again */
    CHANNEL_SOON, /* ... or at the next tick (base/mailbox.h): each time that it goes
                     out costs a wake-up of either side */
};
/* The message is freed.  `channel` NULL: it is for nobody. */
void channel_tell(struct channel *channel, unsigned int kind, struct text *message,
                  enum channel_haste haste);
/* The loop must run once more to close the handles. */
void channel_close(struct channel *channel);

#endif
