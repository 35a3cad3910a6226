/* The process that reads what guests say and serves it, where another one asks them:
 * how it reaches that, and what it gives up. */
#ifndef SEPARATION_H
#define SEPARATION_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct config;
struct exporter;
struct failure;

/* Its ways. */
struct separation {
    int broker;   /* a socket to the broker, until it is begun */
    int control;  /* one to the process that has started both */
    int64_t ways; /* that came as orders */
    bool has_begun;
    unsigned int silent_ticks; /* in which the broker has said nothing */
    uv_poll_t poll;
    uv_timer_t tick;
};

/* Becomes the other user, reads the configuration, and leaves what is not needed any
 * more; before there are other threads.  False with one sentence. */
bool separation_enter(struct exporter *exporter, struct failure *why);
/* Once all is open and before the first source is started: from here on it can open
 * nothing but files to read.  False: that was said on standard error. */
bool separation_begin(struct separation *separation, struct exporter *exporter);
/* Before the sources of another configuration are started. */
void separation_configure(const struct config *config);
/* After the last source was stopped; the loop must run once more. */
void separation_end(struct separation *separation);
/* Somebody wants a reload: it comes as SIGHUP, once the broker knows the new sources.
 */
void separation_want_reload(const struct separation *separation);

#endif
