/* Questions to the kernel, on one netlink socket.
 *
 * It finds a socket by the socket's own number alone, and a path tells only that of the
 * file.  So all that listen are listed once, and again when one is missed. */
#include "source/socket/queue.h"

#include "kit/memory.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ANSWER_BYTES (32 * 1024)
#define LISTENERS_MAX 65536
/* The kernel's state of a socket that listens. */
#define STATE_LISTEN 10
/* The kernel's own form of a device number. */
#define DEVICE_MINOR_BITS 20

/* As the kernel says it: inode numbers cut to 32 bits. */
struct kernel_file {
    uint32_t inode, device;
};

struct listener {
    struct kernel_file file; /* first: it is what they are sorted by */
    uint32_t socket_inode;
};

struct socket_queues {
    int fd; /* -1: none could be had yet */
    uint32_t sequence;
    struct listener *listeners; /* by file */
    size_t listeners_count, listeners_room;
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
};

struct socket_queues *
socket_queues_new(void)
{
    struct socket_queues *queues = memory_new(1, sizeof(*queues));

    queues->fd = -1;
    return queues;
}

void
socket_queues_free(struct socket_queues *queues)
{
    if (!queues)
        return;
    if (queues->fd >= 0)
        (void)close(queues->fd);
    free(queues->listeners);
    free(queues);
}

/* --- netlink --- */

/* `inode` 0: all that listen. */
static int
ask(struct socket_queues *queues, uint32_t inode, uint32_t show)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags =
                       (uint16_t)(NLM_F_REQUEST | (inode == 0 ? NLM_F_DUMP : 0)),
                   .nlmsg_seq = ++queues->sequence},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = inode == 0 ? 1U << STATE_LISTEN : ~0U,
                    .udiag_ino = inode,
                    .udiag_show = show,
                    .udiag_cookie = {~0U, ~0U}},
    };

    if (queues->fd < 0)
        queues->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (queues->fd < 0)
        return -1;
    return send(queues->fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question)
               ? 0
               : -1;
}

/* How much of an answer there is; what an earlier question left is thrown away. */
static size_t
hear(struct socket_queues *queues)
{
    struct nlmsghdr *header = (void *)queues->answer;

    for (;;) {
        ssize_t length =
            recv(queues->fd, queues->answer, sizeof(queues->answer), MSG_DONTWAIT);

        if (length < (ssize_t)sizeof(*header))
            return 0;
        if (header->nlmsg_seq == queues->sequence)
            return (size_t)length;
    }
}

/* What follows struct unix_diag_msg of this kind, if it has these bytes; or NULL. */
static const void *
attribute_of(struct nlmsghdr *header, unsigned int type, size_t bytes)
{
    const char *at = (const char *)header + NLMSG_LENGTH(sizeof(struct unix_diag_msg));
    const char *end = (const char *)header + header->nlmsg_len;

    while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        const struct rtattr *attribute = (const void *)at;
        size_t step = RTA_ALIGN((size_t)attribute->rta_len);

        if (attribute->rta_len < sizeof(*attribute) || step > (size_t)(end - at))
            return NULL;
        if (attribute->rta_type == type && attribute->rta_len >= RTA_LENGTH(bytes))
            return at + RTA_LENGTH(0);
        at += step;
    }
    return NULL;
}

static bool
is_of_socket(struct nlmsghdr *header)
{
    return header->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
           header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct unix_diag_msg));
}

/* What the kernel says of one socket; NULL: nothing. */
static struct nlmsghdr *
look_up(struct socket_queues *queues, uint32_t inode, uint32_t show)
{
    struct nlmsghdr *header = (void *)queues->answer;
    size_t length;

    if (inode == 0 || ask(queues, inode, show) < 0)
        return NULL;
    length = hear(queues);
    return NLMSG_OK(header, length) && is_of_socket(header) ? header : NULL;
}

/* --- who listens --- */

static void
add_listener(struct socket_queues *queues, struct nlmsghdr *header)
{
    const struct unix_diag_msg *message = NLMSG_DATA(header);
    const struct unix_diag_vfs *file =
        attribute_of(header, UNIX_DIAG_VFS, sizeof(*file));

    if (!file || queues->listeners_count >= LISTENERS_MAX)
        return;
    if (queues->listeners_count == queues->listeners_room) {
        queues->listeners_room = 2 * queues->listeners_room + 64;
        queues->listeners = memory_resize(queues->listeners, queues->listeners_room,
                                          sizeof(*queues->listeners));
    }
    queues->listeners[queues->listeners_count++] = (struct listener){
        .file = {.inode = file->udiag_vfs_ino, .device = file->udiag_vfs_dev},
        .socket_inode = message->udiag_ino,
    };
}

static void
hear_listeners(struct socket_queues *queues)
{
    for (;;) {
        struct nlmsghdr *header = (void *)queues->answer;
        size_t length = hear(queues);

        if (length == 0)
            return;
        for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
            if (!is_of_socket(header))
                return; /* NLMSG_DONE, or an error */
            add_listener(queues, header);
        }
    }
}

static int
compare_files(const void *left, const void *right)
{
    const struct kernel_file *a = left, *b = right;

    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return (a->device > b->device) - (a->device < b->device);
}

static void
list_listeners(struct socket_queues *queues)
{
    queues->listeners_count = 0;
    if (ask(queues, 0, UDIAG_SHOW_VFS) < 0)
        return;
    hear_listeners(queues);
    if (queues->listeners_count > 0)
        qsort(queues->listeners, queues->listeners_count, sizeof(*queues->listeners),
              compare_files);
}

static uint32_t
find_listener(const struct socket_queues *queues, const struct kernel_file *file)
{
    const struct listener *listener =
        queues->listeners_count == 0
            ? NULL
            : bsearch(file, queues->listeners, queues->listeners_count,
                      sizeof(*listener), compare_files);

    return listener ? listener->socket_inode : 0;
}

/* The length of its queue, or -1. */
static int
queue_of(struct socket_queues *queues, uint32_t listener)
{
    struct nlmsghdr *header = look_up(queues, listener, UDIAG_SHOW_RQLEN);
    const struct unix_diag_rqlen *queue;

    if (!header ||
        ((const struct unix_diag_msg *)NLMSG_DATA(header))->udiag_state != STATE_LISTEN)
        return -1;
    queue = attribute_of(header, UNIX_DIAG_RQLEN, sizeof(*queue));
    return queue ? (int)queue->udiag_rqueue : -1;
}

int
socket_queues_waiting(struct socket_queues *queues, const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return -1;
    const struct kernel_file file = {
        .inode = (uint32_t)status.st_ino,
        .device = (uint32_t)(major(status.st_dev) << DEVICE_MINOR_BITS |
                             minor(status.st_dev)),
    };
    int waiting = queue_of(queues, find_listener(queues, &file));

    if (waiting >= 0)
        return waiting;
    list_listeners(queues);
    return queue_of(queues, find_listener(queues, &file));
}

/* A socket that nobody has accepted yet has no file, hence no inode. */
bool
socket_queues_has_waiting(struct socket_queues *queues, int fd)
{
    struct stat own;
    uint32_t peer;

    if (fstat(fd, &own) < 0)
        return false;
    struct nlmsghdr *header = look_up(queues, (uint32_t)own.st_ino, UDIAG_SHOW_PEER);
    const void *attribute =
        header ? attribute_of(header, UNIX_DIAG_PEER, sizeof(peer)) : NULL;

    if (!attribute)
        return false;
    memcpy(&peer, attribute, sizeof(peer));
    return peer == 0;
}
