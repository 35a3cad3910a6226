/* Who is at a UNIX socket's other end. */
#include "source/socket/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

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
test_who_listens(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(socket_peer_pid(ends[0]), getpid());
    assert_int_equal(socket_peer_pid(-1), 0);
    close(ends[0]);
    close(ends[1]);
}

/* By the name that a process has in /proc. */
static void
test_an_agent_by_its_name(void **state)
{
    static const char *const others[] = {"qemu-ga2", "qemu-g", "kvm",
                                         "qemu-system-x86"};

    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, "qemu-ga"), 0);
    assert_true(socket_peer_is_agent(getpid()));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(prctl(PR_SET_NAME, others[i]), 0);
        assert_false(socket_peer_is_agent(getpid()));
    }
    assert_false(socket_peer_is_agent(0));
    assert_false(socket_peer_is_agent(-1));
}

static void
test_what_is_no_socket(void **state)
{
    (void)state;
    assert_false(socket_peer_has_unread(-1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_that_are_not_read),
        cmocka_unit_test(test_who_listens),
        cmocka_unit_test(test_an_agent_by_its_name),
        cmocka_unit_test(test_what_is_no_socket),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
