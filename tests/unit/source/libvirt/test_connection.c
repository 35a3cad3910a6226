/* Connections to libvirt's test driver, and to a daemon that never says a word. */
#include "source/libvirt/connection.h"

#include "base/clock.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST_URI "test:///default"

static const int owner, other_owner; /* only their addresses count */

static int
set_up(void **state)
{
    (void)state;
    libvirt_events_start(&libvirt_connections_guard);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    libvirt_events_stop();
    return 0;
}

static void
test_a_connection_is_alive_until_it_is_severed(void **state)
{
    struct libvirt_connection calls = {0}, others = {0}, control = {0};
    struct failure why;

    (void)state;
    assert_false(libvirt_connection_is_alive(&calls));
    assert_true(libvirt_connection_open(&calls, TEST_URI, &owner, true, &why));
    assert_true(libvirt_connection_open(&others, TEST_URI, &other_owner, true, &why));
    assert_true(libvirt_connection_open(&control, TEST_URI, &owner, false, &why));
    assert_true(libvirt_connection_is_alive(&calls));

    libvirt_connections_sever(&owner);
    assert_false(libvirt_connection_is_alive(&calls));
    assert_true(libvirt_connection_is_alive(&others));
    assert_true(libvirt_connection_is_alive(&control)); /* it finds out itself */

    libvirt_connection_close(&calls);
    assert_false(libvirt_connection_is_alive(&calls));
    assert_true(libvirt_connection_open(&calls, TEST_URI, &owner, true, &why));
    assert_true(libvirt_connection_is_alive(&calls)); /* it is another one */
    libvirt_connection_close(&calls);
    libvirt_connection_close(&calls); /* is nothing */
    libvirt_connection_close(&others);
    libvirt_connection_close(&control);
}

static void
test_one_that_cannot_be_had(void **state)
{
    struct libvirt_connection connection = {0};
    struct failure why = {.kind = FAILURE_NONE};

    (void)state;
    assert_false(libvirt_connection_open(&connection, "test:///nonexistent/file.xml",
                                         &owner, false, &why));
    assert_int_not_equal(why.kind, FAILURE_NONE);
    assert_memory_equal(why.text, "libvirt: ", 9);
    assert_null(connection.handle);
    assert_int_equal(connection.socket, -1);
}

/* --- a daemon that accepts, and never answers --- */

struct opening {
    char uri[160];
    bool for_calls, opened;
    struct libvirt_connection connection;
    struct failure why;
};

static void *
open_it(void *argument)
{
    struct opening *opening = argument;

    opening->opened = libvirt_connection_open(
        &opening->connection, opening->uri, &owner, opening->for_calls, &opening->why);
    return NULL;
}

static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void
open_and_break_off(bool for_calls)
{
    struct opening opening = {.for_calls = for_calls};
    char folder[] = "/tmp/test_connection.XXXXXX", path[64];
    int64_t due_ns, before_ns = clock_monotonic_ns();
    pthread_t thread;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/daemon", folder);
    snprintf(opening.uri, sizeof(opening.uri), "qemu+unix:///system?socket=%s", path);
    int listener = listen_at(path);

    assert_int_equal(thread_start(&thread, "opens", 0, open_it, &opening), 0);
    int daemon = accept(listener, NULL, NULL);

    while ((due_ns = libvirt_connections_guard.due_ns()) == INT64_MAX)
        sched_yield();
    assert_true(due_ns >= before_ns + INT64_C(15000000000));
    libvirt_connections_guard.break_off(due_ns - 1); /* is not due yet */
    assert_true(libvirt_connections_guard.due_ns() == due_ns);
    libvirt_connections_guard.break_off(due_ns);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(opening.opened);
    assert_int_equal(opening.why.kind, FAILURE_UNAVAILABLE);
    assert_string_equal(
        opening.why.text,
        "the daemon has not answered for 15 s since it was connected to");
    assert_true(libvirt_connections_guard.due_ns() == INT64_MAX);
    close(daemon);
    close(listener);
    unlink(path);
    rmdir(folder);
}

static void
test_a_daemon_that_is_silent_is_given_up(void **state)
{
    (void)state;
    open_and_break_off(true);
    open_and_break_off(false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_connection_is_alive_until_it_is_severed),
        TEST(test_one_that_cannot_be_had),
        TEST(test_a_daemon_that_is_silent_is_given_up),
    };

    return cmocka_run_group_tests_name("libvirt connection", tests, NULL, NULL);
}
