#include "source/socket/visit.h"

#include "source/socket/queue.h"

void
visit_begin(struct visit *visit, struct socket_queues *queues, const char *path,
            int64_t now_ns)
{
    *visit = (struct visit){.queues = queues, .path = path, .since_ns = now_ns};
}

enum visit_advice
visit_look(struct visit *visit, int fd, int64_t now_ns)
{
    int waiting = socket_queues_waiting(visit->queues, visit->path);
    bool was_served = visit->served;

    visit->blind = waiting < 0;
    if (!was_served)
        visit->served = waiting == 0 || !socket_queues_has_waiting(visit->queues, fd);
    if (!visit->served) /* we are one of those that wait */
        return waiting > 1 || now_ns - visit->since_ns > VISIT_QUEUED_NS ? VISIT_LEAVE
                                                                         : VISIT_WAIT;
    if (waiting <= 0)
        return VISIT_GO_ON;
    /* Between the two questions we were accepted: the one that waited may be us. */
    return was_served || waiting > 1 ? VISIT_LEAVE : VISIT_WAIT;
}
