/* What arrives at the socket of a service manager. */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/cmocka_any.h"
#include "unit/manager.h"

static void
test_nobody_asked(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_false(notify_send(NOTIFY_READY));
}

static void
test_no_address(void **state)
{
    static const char *const names[] = {"", "/", "@", "relative", "vsock:2:1234"};
    char too_long[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        assert_false(notify_send(NOTIFY_READY));
    }
    memset(too_long, 'x', sizeof(too_long));
    too_long[0] = '/';
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", too_long, 1), 0);
    assert_false(notify_send(NOTIFY_READY));
}

static void
test_nobody_is_there(void **state)
{
    (void)state;
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nowhere/notify", 1), 0);
    assert_false(notify_send(NOTIFY_READY));
}

static void
test_states(void **state)
{
    struct manager manager = manager_open();
    char heard[MANAGER_BYTES];

    (void)state;
    assert_true(notify_send(NOTIFY_READY));
    manager_hear(&manager, heard);
    assert_string_equal(heard, "READY=1");
    assert_true(notify_send_reloading(INT64_C(12345678901)));
    manager_hear(&manager, heard);
    assert_string_equal(heard, "RELOADING=1\nMONOTONIC_USEC=12345678");
    manager_close(&manager);
}

static void
test_a_file(void **state)
{
    char folder[] = "/tmp/test_notify.XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char heard[16] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    assert_true(notify_send(NOTIFY_STOPPING));
    assert_int_equal(recv(fd, heard, sizeof(heard), MSG_DONTWAIT),
                     strlen("STOPPING=1"));
    assert_string_equal(heard, "STOPPING=1");
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* A manager that does not read holds nobody up. */
static void
test_a_full_socket(void **state)
{
    struct manager manager = manager_open();
    unsigned int taken = 0;

    (void)state;
    while (notify_send(NOTIFY_ALIVE))
        assert_true(++taken < 100000);
    assert_true(taken > 0);
    manager_close(&manager);
}

/* --- by another process --- */

static bool
pass_on(const char *state)
{
    return notify_pass_on(state, strlen(state));
}

static void
test_what_is_passed_on(void **state)
{
    static const char *const refused[] = {
        "",          "READY",      "READY=1\n", "READY=1\nMAINPID=1",
        "MAINPID=1", "STOPPING=1", "STATUS",    "WATCHDOG=trigger"};
    struct manager manager = manager_open();
    char heard[MANAGER_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        assert_false(pass_on(refused[i]));
    assert_true(pass_on(NOTIFY_READY));
    manager_hear(&manager, heard);
    assert_string_equal(heard, "READY=1");
    assert_true(pass_on(NOTIFY_ALIVE));
    manager_hear(&manager, heard);
    assert_string_equal(heard, "WATCHDOG=1");
    /* In words of ours. */
    assert_true(pass_on("RELOADING=1\nMAINPID=1"));
    manager_hear(&manager, heard);
    assert_non_null(strstr(heard, "RELOADING=1\nMONOTONIC_USEC="));
    assert_null(strstr(heard, "MAINPID"));
    manager_close(&manager);
}

static bool
keep(void *kept, const char *state)
{
    *(const char **)kept = state;
    return true;
}

static void
test_another_says_it(void **state)
{
    struct manager manager = manager_open();
    const char *kept = NULL;

    (void)state;
    notify_by(keep, &kept);
    assert_true(notify_send(NOTIFY_READY));
    assert_string_equal(kept, NOTIFY_READY);
    manager_close(&manager);
    kept = NULL;
    assert_false(notify_send(NOTIFY_READY)); /* nobody wants to hear it */
    assert_null(kept);
    notify_by(NULL, NULL);
}

static int64_t
watchdog_ns(const char *us, const char *pid)
{
    assert_int_equal(us ? setenv("WATCHDOG_USEC", us, 1) : unsetenv("WATCHDOG_USEC"),
                     0);
    assert_int_equal(pid ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"),
                     0);
    return notify_watchdog_ns();
}

static void
test_watchdog(void **state)
{
    char pid[16];

    (void)state;
    (void)snprintf(pid, sizeof(pid), "%d", getpid());
    assert_int_equal(watchdog_ns(NULL, NULL), 0);
    assert_int_equal(watchdog_ns("30000000", NULL), INT64_C(30000000000));
    assert_int_equal(watchdog_ns("30000000", pid), INT64_C(30000000000));
    assert_int_equal(watchdog_ns("30000000", "1"), 0); /* meant for another process */
    assert_int_equal(watchdog_ns("30000000", ""), 0);
    assert_int_equal(watchdog_ns("", pid), 0);
    assert_int_equal(watchdog_ns("-1", pid), 0);
    assert_int_equal(watchdog_ns("30s", pid), 0);
    assert_int_equal(watchdog_ns("18446744073709551615", pid), 0); /* infinity */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_asked),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_nobody_is_there),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_a_full_socket),
        cmocka_unit_test(test_what_is_passed_on),
        cmocka_unit_test(test_another_says_it),
        cmocka_unit_test(test_watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
