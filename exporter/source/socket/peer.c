/* Questions to the kernel about a UNIX socket's other end. */
#include "source/socket/peer.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_BYTES 4096

static ssize_t
ask_kernel(const struct stat *own, char *answer, size_t answer_bytes)
{
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = ~0U,
                    .udiag_ino = (__u32)own->st_ino,
                    .udiag_show = UDIAG_SHOW_PEER,
                    .udiag_cookie = {~0U, ~0U}},
    };
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ssize_t length = -1;

    if (fd < 0)
        return -1;
    if (send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question))
        length = recv(fd, answer, answer_bytes, MSG_DONTWAIT);
    close(fd);
    return length;
}

/* A socket that nobody has accepted yet has no file, hence no inode. */
static bool
peer_has_no_inode(const char *answer, size_t length)
{
    const struct nlmsghdr *header = (const void *)answer;

    if (!NLMSG_OK(header, length) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        header->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
        return false;
    const char *body =
        answer + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct unix_diag_msg));
    size_t left = header->nlmsg_len - (size_t)(body - answer);

    while (left >= sizeof(struct rtattr)) {
        const struct rtattr *attribute = (const void *)body;
        size_t step = RTA_ALIGN((size_t)attribute->rta_len);

        __u32 inode;

        if (attribute->rta_len < sizeof(*attribute) || step > left)
            return false;
        if (attribute->rta_type == UNIX_DIAG_PEER &&
            attribute->rta_len >= RTA_LENGTH(sizeof(inode))) {
            memcpy(&inode, body + RTA_LENGTH(0), sizeof(inode));
            return inode == 0;
        }
        body += step;
        left -= step;
    }
    return false;
}

bool
socket_peer_is_waiting(int fd)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
    struct stat own;

    if (fstat(fd, &own) < 0)
        return false;
    ssize_t length = ask_kernel(&own, answer, sizeof(answer));

    return length > 0 && peer_has_no_inode(answer, (size_t)length);
}

bool
socket_peer_has_unread(int fd)
{
    int unread = 0;

    return ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}
