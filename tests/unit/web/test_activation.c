/* Which sockets are taken for those of a service manager. */
#include "web/activation.h"

#include "kit/failure.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

static int
take(const char *pid, const char *count)
{
    struct failure why = {.text = ""};

    assert_int_equal(pid ? setenv("LISTEN_PID", pid, 1) : unsetenv("LISTEN_PID"), 0);
    assert_int_equal(count ? setenv("LISTEN_FDS", count, 1) : unsetenv("LISTEN_FDS"),
                     0);
    int taken = web_activation_take(&why);

    assert_int_equal(taken < 0, why.text[0] != '\0');
    if (taken < 0)
        assert_non_null(strstr(why.text, "--web.systemd-socket: "));
    return taken;
}

static void
test_none(void **state)
{
    char own[16];

    (void)state;
    (void)snprintf(own, sizeof(own), "%d", getpid());
    assert_int_equal(take(NULL, NULL), -1);
    assert_int_equal(take(NULL, "1"), -1);
    assert_int_equal(take("1", "1"), -1); /* meant for another process */
    assert_int_equal(take(own, NULL), -1);
    assert_int_equal(take(own, "0"), -1);
    assert_int_equal(take(own, "17"), -1);
    assert_int_equal(take(own, "-1"), -1);
    assert_int_equal(take(own, "1x"), -1);
    assert_int_equal(take(own, "18446744073709551617"), -1);
}

/* What this process would start does not get them. */
static void
test_some(void **state)
{
    char own[16];
    int fd = WEB_ACTIVATION_FIRST_FD;

    (void)state;
    (void)snprintf(own, sizeof(own), "%d", getpid());
    assert_int_equal(dup2(STDOUT_FILENO, fd), fd);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(take(own, "1"), 1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(take(own, "16"), WEB_ACTIVATION_SOCKETS_MAX);
    assert_int_equal(close(fd), 0);
}

/* Only those that are meant for it. */
static void
test_left(void **state)
{
    char own[16];
    int fd = WEB_ACTIVATION_FIRST_FD;

    (void)state;
    (void)snprintf(own, sizeof(own), "%d", getpid());
    assert_int_equal(dup2(STDOUT_FILENO, fd), fd);
    assert_int_equal(dup2(STDOUT_FILENO, fd + 1), fd + 1);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    assert_int_equal(setenv("LISTEN_PID", "1", 1), 0);
    web_activation_leave();
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_int_equal(setenv("LISTEN_PID", own, 1), 0);
    web_activation_leave();
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(fcntl(fd + 1, F_GETFD), 0);
    assert_int_equal(close(fd + 1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_some),
        cmocka_unit_test(test_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
