/* Who waits at a listening socket. */
#include "source/socket/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

static char folder[] = "/tmp/test_queue.XXXXXX";

static struct sockaddr_un
address_of(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
    return address;
}

static int
unix_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static int
listen_at(const char *name)
{
    const struct sockaddr_un address = address_of(name);
    int fd = unix_socket();

    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int
connect_to(const char *name)
{
    const struct sockaddr_un address = address_of(name);
    int fd = unix_socket();

    assert_int_equal(connect(fd, (const void *)&address, sizeof(address)), 0);
    return fd;
}

static int
waiting_at(struct socket_queues *queues, const char *name)
{
    return socket_queues_waiting(queues, address_of(name).sun_path);
}

static void
test_those_that_wait_are_counted(void **state)
{
    struct socket_queues *queues = *state;
    int listener = listen_at("a"), other = listen_at("b");

    assert_int_equal(waiting_at(queues, "a"), 0);
    int first = connect_to("a"), second = connect_to("a");

    assert_int_equal(waiting_at(queues, "a"), 2);
    assert_int_equal(waiting_at(queues, "b"), 0);
    assert_true(socket_queues_has_waiting(queues, first));
    int accepted = accept(listener, NULL, NULL);

    assert_int_equal(waiting_at(queues, "a"), 1);
    assert_false(socket_queues_has_waiting(queues, first));
    assert_true(socket_queues_has_waiting(queues, second));
    assert_false(socket_queues_has_waiting(queues, accepted));
    /* One that has left stays in the queue until it is its turn. */
    close(second);
    assert_int_equal(waiting_at(queues, "a"), 1);
    close(accept(listener, NULL, NULL));
    assert_int_equal(waiting_at(queues, "a"), 0);
    close(accepted);
    close(first);
    close(listener);
    close(other);
}

static void
test_a_socket_that_is_made_anew(void **state)
{
    struct socket_queues *queues = *state;
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    int listener = listen_at("c");

    memcpy(path, address_of("c").sun_path, sizeof(path));
    assert_int_equal(waiting_at(queues, "c"), 0);
    close(listener);
    assert_int_equal(waiting_at(queues, "c"), -1); /* its file is still there */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(waiting_at(queues, "c"), -1);
    listener = listen_at("c");
    int first = connect_to("c");

    assert_int_equal(waiting_at(queues, "c"), 1);
    close(first);
    close(listener);
}

/* Another path to the same file. */
static void
test_a_path_with_another_name(void **state)
{
    struct socket_queues *queues = *state;
    int listener = listen_at("d"), first = connect_to("d");
    const struct sockaddr_un link_address = address_of("e");

    assert_int_equal(symlink("d", link_address.sun_path), 0);
    assert_int_equal(waiting_at(queues, "e"), 1);
    close(first);
    close(listener);
}

static void
test_what_is_no_socket(void **state)
{
    struct socket_queues *queues = *state;
    int pair[2];

    assert_int_equal(socket_queues_waiting(queues, folder), -1);
    assert_false(socket_queues_has_waiting(queues, -1));
    assert_false(socket_queues_has_waiting(queues, STDIN_FILENO));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_false(socket_queues_has_waiting(queues, pair[0]));
    close(pair[0]);
    close(pair[1]);
}

/* More than one message of the kernel's holds. */
static void
test_many_listeners(void **state)
{
    enum { MANY = 600 };
    struct socket_queues *queues = *state;
    int listeners[MANY];
    char name[16];

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "many-%d", i);
        listeners[i] = listen_at(name);
    }
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "many-%d", i);
        assert_int_equal(waiting_at(queues, name), 0);
    }
    for (int i = 0; i < MANY; i++)
        close(listeners[i]);
}

static int
set_up(void **state)
{
    *state = socket_queues_new();
    return 0;
}

static int
tear_down(void **state)
{
    socket_queues_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_those_that_wait_are_counted),
        TEST(test_a_socket_that_is_made_anew),
        TEST(test_a_path_with_another_name),
        TEST(test_what_is_no_socket),
        TEST(test_many_listeners),
    };
    char command[64];

    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests_name("queue", tests, NULL, NULL);

    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
