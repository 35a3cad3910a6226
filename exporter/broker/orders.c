/* Packets, and the descriptors that come with them. */
#include "broker/orders.h"

#include "broker/bytes.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool
orders_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

bool
order_send(int control, enum order order, const struct text *bytes, int fd)
{
    char kind = (char)order;
    struct iovec parts[] = {
        {&kind, 1},
        {bytes ? bytes->bytes : NULL, bytes ? bytes->length : 0},
    };
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } rights = {.bytes = {0}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};

    if (fd >= 0) {
        packet.msg_control = rights.bytes;
        packet.msg_controllen = sizeof(rights.bytes);
        struct cmsghdr *head = CMSG_FIRSTHDR(&packet);

        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    }
    return sendmsg(control, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

bool
order_kill(int control, int64_t ways)
{
    struct text bytes = TEXT_INIT(ORDER_KILL_BYTES);

    bytes_put_number(&bytes, ways);
    bool is_sent = order_send(control, ORDER_KILL, &bytes, -1);

    text_free(&bytes);
    return is_sent;
}

/* Whoever sends may be hostile, and as many fit as there is room for: one is taken, and
 * only from a packet of one that says something. */
static int
take_descriptor(struct msghdr *packet, bool is_wanted)
{
    const struct cmsghdr *head = CMSG_FIRSTHDR(packet);
    int taken = -1;

    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
        return -1;
    for (size_t at = 0; CMSG_LEN(at + sizeof(taken)) <= head->cmsg_len;
         at += sizeof(taken)) {
        if (taken >= 0)
            (void)close(taken);
        memcpy(&taken, CMSG_DATA(head) + at, sizeof(taken));
    }
    if (is_wanted || taken < 0)
        return taken;
    (void)close(taken);
    return -1;
}

ssize_t
order_take(int control, char *bytes, size_t bytes_max, int *fd)
{
    struct iovec part = {bytes, bytes_max};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } rights;
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = rights.bytes,
                            .msg_controllen = sizeof(rights.bytes)};
    ssize_t length = recvmsg(control, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    *fd = length >= 0 ? take_descriptor(&packet, length > 0) : -1;
    return length;
}
