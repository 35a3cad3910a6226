/* A visit to an agent's socket that others want too.
 *
 * QEMU serves one client at a time, and whoever else connects waits in a short queue.
 * So the queue is looked at before a visit, before each call of it, and every now and
 * then while we only wait: if somebody is there, we leave.  The loop thread alone. */
#ifndef SOURCE_SOCKET_VISIT_H
#define SOURCE_SOCKET_VISIT_H

#include <stdbool.h>
#include <stdint.h>

struct socket_queues;

/* Nobody answers us for so long after a connect: somebody else is served. */
#define VISIT_QUEUED_NS (INT64_C(200) * 1000 * 1000)
/* A visit in which nothing is asked any more is over, if nobody has said so. */
#define VISIT_IDLE_NS (INT64_C(250) * 1000 * 1000)

struct visit {
    struct socket_queues *queues;
    const char *path; /* borrowed */
    int64_t since_ns; /* CLOCK_MONOTONIC; of the connect, or the last call */
    bool served;      /* we are not in the queue any more */
    bool blind;       /* the kernel does not show us the queue */
};

enum visit_advice {
    VISIT_WAIT,  /* our turn has not come */
    VISIT_GO_ON, /* nobody else is there */
    VISIT_LEAVE, /* somebody waits, or is served instead of us */
};

/* We have connected. */
void visit_begin(struct visit *visit, struct socket_queues *queues, const char *path,
                 int64_t now_ns);
enum visit_advice visit_look(struct visit *visit, int fd, int64_t now_ns);

#endif
