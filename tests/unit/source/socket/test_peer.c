/* What the kernel tells of a UNIX socket's other end. */
#include "source/socket/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int
unix_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

/* Without a name in any folder. */
static int
listen_somewhere(struct sockaddr_un *address, socklen_t *length)
{
    int fd = unix_socket();

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_int_equal(bind(fd, (const void *)address, sizeof(address->sun_family)), 0);
    *length = sizeof(*address);
    assert_int_equal(getsockname(fd, (void *)address, length), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void
test_one_that_waits_to_be_accepted(void **state)
{
    struct sockaddr_un address;
    socklen_t length;
    int listener = listen_somewhere(&address, &length);
    int first = unix_socket(), second = unix_socket();

    (void)state;
    assert_int_equal(connect(first, (const void *)&address, length), 0);
    assert_int_equal(connect(second, (const void *)&address, length), 0);
    assert_true(socket_peer_is_waiting(first));
    int accepted = accept(listener, NULL, NULL);

    assert_false(socket_peer_is_waiting(first));
    assert_true(socket_peer_is_waiting(second));
    assert_false(socket_peer_is_waiting(accepted));
    close(accepted);
    close(first);
    close(second);
    close(listener);
}

static void
test_bytes_that_are_not_read(void **state)
{
    int ends[2];
    char bytes[8];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_false(socket_peer_has_unread(ends[0]));
    assert_int_equal(write(ends[0], "abc", 3), 3);
    assert_true(socket_peer_has_unread(ends[0]));
    assert_false(socket_peer_has_unread(ends[1]));
    assert_int_equal(read(ends[1], bytes, sizeof(bytes)), 3);
    assert_false(socket_peer_has_unread(ends[0]));
    close(ends[0]);
    close(ends[1]);
}

static void
test_what_is_no_socket(void **state)
{
    (void)state;
    assert_false(socket_peer_is_waiting(-1));
    assert_false(socket_peer_has_unread(-1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_waits_to_be_accepted),
        cmocka_unit_test(test_bytes_that_are_not_read),
        cmocka_unit_test(test_what_is_no_socket),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
