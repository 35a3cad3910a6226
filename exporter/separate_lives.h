/* What is done about a part of the exporter that has ended: pure.  A part that was
 * taken over ends as it likes, so that nothing but its first start can end the exporter
 * at once: until then nobody has said a word to it. */
#ifndef SEPARATE_LIVES_H
#define SEPARATE_LIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part that ends so often in such a time is not started anew any more. */
#define LIVES_ENDS_MAX 5
#define LIVES_ENDS_NS (INT64_C(60) * 1000 * 1000 * 1000)

/* Of one part, over all processes that it has been. */
struct lives {
    bool has_begun;                   /* the process that runs, or ran last */
    bool has_ever_begun;              /* one of them */
    int64_t ended_ns[LIVES_ENDS_MAX]; /* CLOCK_MONOTONIC; a ring */
    size_t ends;
};

enum fate {
    FATE_ALL_END,     /* it could not begin: with its status */
    FATE_AGAIN,       /* it is started anew */
    FATE_AGAIN_LATER, /* what kept it from beginning may go away */
    FATE_NO_MORE,     /* it ends too often */
};

/* It is started; and it has come up. */
void lives_start(struct lives *lives);
void lives_begin(struct lives *lives);
/* Nobody has ordered its end; `status` is that of wait(2). */
enum fate lives_end(struct lives *lives, int status, int64_t now_ns);
/* For the log; NULL: nothing is to be said. */
const char *lives_message(enum fate fate);

#endif
