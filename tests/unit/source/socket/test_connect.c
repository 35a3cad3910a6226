/* Connecting to a UNIX socket: why not, and how it is left. */
#include "source/socket/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[32], path[64];

static int
listen_at_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    return fd;
}

static int
set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/test_connect.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/agent.sock", folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void
expect_refusal(enum failure_kind kind, const char *words)
{
    struct failure why = {.kind = FAILURE_NONE};

    assert_int_equal(socket_connect(path, &why), -1);
    assert_string_equal(failure_kind_name(why.kind), failure_kind_name(kind));
    assert_memory_equal(why.text, path, strlen(path));
    if (!strstr(why.text, words))
        fail_msg("not \"%s\" in: %s", words, why.text);
}

static void
test_a_socket_that_is_free(void **state)
{
    struct failure why = {.kind = FAILURE_NONE};
    int listener = listen_at_path(), fd = socket_connect(path, &why);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(why.kind, FAILURE_NONE);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(listener);
}

static void
test_nothing_there_and_nobody_listening(void **state)
{
    (void)state;
    expect_refusal(FAILURE_DISCONNECTED, "No such file");
    close(listen_at_path());
    expect_refusal(FAILURE_DISCONNECTED, "Connection refused");
}

static void
test_a_socket_that_another_program_has(void **state)
{
    struct failure why;
    int listener = listen_at_path(), first = socket_connect(path, &why);

    (void)state;
    assert_true(first >= 0); /* it waits to be accepted, and fills the queue */
    expect_refusal(FAILURE_HELD, "end that program, or give the exporter a channel");
    close(first);
    close(listener);
}

static void
test_a_socket_that_is_denied(void **state)
{
    int listener = listen_at_path();

    uid_t own = geteuid();

    (void)state;
    assert_int_equal(chmod(path, own == 0 ? 0700 : 0), 0);
    assert_int_equal(chmod(folder, 0711), 0);
    if (own == 0 && seteuid(65534) != 0)
        skip();
    expect_refusal(FAILURE_DENIED, "let the exporter's user write to the socket");
    assert_int_equal(seteuid(own), 0);
    close(listener);
}

/* qemu-ga takes a reset of its connection as its own end. */
static void
test_what_is_unread_is_taken_at_the_end(void **state)
{
    struct failure why;
    int listener = listen_at_path(), fd = socket_connect(path, &why);
    int peer = accept(listener, NULL, NULL);
    char byte, much[10000] = "";

    (void)state;
    assert_int_equal(send(peer, much, sizeof(much), 0), sizeof(much));
    socket_disconnect(fd);
    assert_int_equal(recv(peer, &byte, 1, 0), 0); /* an end, and no ECONNRESET */
    close(peer);
    close(listener);
}

/* It is had by another name, and not by one that is cut short. */
static void
test_a_path_that_is_too_long_for_an_address(void **state)
{
    int listener = listen_at_path(), fd;
    char deep[200], whole[256], cut[256];
    struct failure why;

    (void)state;
    snprintf(deep, sizeof(deep), "%s/%0120d", folder, 0);
    snprintf(whole, sizeof(whole), "%s/agent.sock", deep);
    snprintf(cut, sizeof(cut), "%s/agent.soc", deep);
    assert_int_equal(mkdir(deep, 0700), 0);
    assert_int_equal(rename(path, whole), 0);
    fd = socket_connect(whole, &why);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(socket_connect(cut, &why), -1);
    assert_int_equal(why.kind, FAILURE_DISCONNECTED);
    assert_non_null(strstr(why.text, "No such file"));
    assert_int_equal(unlink(whole), 0);
    assert_int_equal(rmdir(deep), 0);
    close(listener);
}

/* A link that led to an agent is made to lead there. */
static void
test_libvirts_own_channel(void **state)
{
    static const char *const folders[] = {"libvirt", "libvirt/qemu",
                                          "libvirt/qemu/domain-1-web"};
    struct failure why = {.kind = FAILURE_NONE};
    int listener = listen_at_path(), fd = socket_connect(path, &why);
    char name[96], own[128];

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(accept(listener, NULL, NULL) < 0, 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", folder, folders[i]);
        assert_int_equal(mkdir(name, 0700), 0);
    }
    (void)snprintf(own, sizeof(own), "%s/org.qemu.guest_agent.0", name);
    assert_int_equal(rename(path, own), 0);
    assert_int_equal(symlink(own, path), 0);
    assert_true(socket_is_libvirts(path));
    expect_refusal(FAILURE_DENIED, "it leads to libvirt's own channel now");
    assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(accept(listener, NULL, NULL), -1); /* nobody has come */
    assert_int_equal(errno, EAGAIN);

    assert_int_equal(unlink(path) | rename(own, path), 0);
    assert_false(socket_is_libvirts(path));
    for (size_t i = 3; i > 0; i--) {
        (void)snprintf(name, sizeof(name), "%s/%s", folder, folders[i - 1]);
        assert_int_equal(rmdir(name), 0);
    }
    close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_socket_that_is_free),
        TEST(test_nothing_there_and_nobody_listening),
        TEST(test_a_socket_that_another_program_has),
        TEST(test_a_socket_that_is_denied),
        TEST(test_what_is_unread_is_taken_at_the_end),
        TEST(test_a_path_that_is_too_long_for_an_address),
        TEST(test_libvirts_own_channel),
    };

    return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
