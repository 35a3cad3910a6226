/* The daemon below a service manager. */
#include "serve.h"

#include "unit/manager.h"
#include "unit/serve_run.h"
#include "web/activation.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct manager manager;
static unsigned int alive; /* how often it was told so */

/* What it is told next, but for that the loop turns. */
static const char *
hear(void)
{
    static char heard[MANAGER_BYTES];

    for (manager_hear(&manager, heard); strcmp(heard, "WATCHDOG=1") == 0;
         manager_hear(&manager, heard))
        alive++;
    return heard;
}

static void
reload_as_a_service(unsigned int turn)
{
    if (turn == 10)
        assert_string_equal(hear(), "READY=1");
    if (turn == 20) /* a refusal is no end of the service */
        write_config("nonsense: 1\n");
    if (turn == 40)
        write_config(LISTEN);
    if (turn == 20 || turn == 40)
        assert_int_equal(raise(SIGHUP), 0);
    if (turn == 30 || turn == 50) {
        assert_memory_equal(hear(), "RELOADING=1\nMONOTONIC_USEC=", 27);
        assert_string_equal(hear(), "READY=1");
    }
    if (turn % 100 == 0)
        assert_string_equal(hear(), "");
    if (turn == 10000)
        assert_int_equal(raise(SIGTERM), 0);
}

/* Twice in each of its periods, as long as the loop turns. */
static void
test_service(void **state)
{
    (void)state;
    manager = manager_open();
    alive = 0;
    assert_int_equal(setenv("WATCHDOG_USEC", "20000000", 1), 0);
    assert_int_equal(run(LISTEN, NULL, reload_as_a_service), 0);
    assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
    assert_string_equal(hear(), "STOPPING=1");
    assert_string_equal(hear(), "");
    manager_close(&manager);
    assert_in_range(alive, 10, 12); /* 10000 turns are 100 s */
}

static void
never(unsigned int turn)
{
    (void)turn;
    fail();
}

static unsigned int port;

/* The same socket after each reload, whatever the addresses are. */
static void
reload_and_stay(unsigned int turn)
{
    char config[128];

    (void)snprintf(config, sizeof(config), "web: {telemetry_path: /other}\n");
    if (turn == 10) {
        assert_true(is_well(port, "/-/ready"));
        write_config(config);
        assert_int_equal(raise(SIGHUP), 0);
    }
    if (turn == 30) {
        assert_true(is_well(port, "/-/ready"));
        assert_int_equal(raise(SIGTERM), 0);
    }
}

static void
test_socket_of_the_service_manager(void **state)
{
    char own[16];
    int holder;

    (void)state;
    port = choose_port(&holder);
    assert_int_equal(dup2(holder, WEB_ACTIVATION_FIRST_FD), WEB_ACTIVATION_FIRST_FD);
    (void)snprintf(own, sizeof(own), "%d", getpid());
    assert_int_equal(setenv("LISTEN_PID", own, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    with_systemd_socket = true;
    assert_int_equal(run("{}", NULL, reload_and_stay), 0);
    assert_int_equal(count("Listening on"), 2);
    assert_int_equal(unsetenv("LISTEN_FDS"), 0);
    assert_int_equal(run("{}", NULL, never), 1);
    assert_int_equal(count("qga-exporter: --web.systemd-socket: "), 1);
    with_systemd_socket = false;
    assert_int_equal(close(WEB_ACTIVATION_FIRST_FD), 0);
    if (holder != WEB_ACTIVATION_FIRST_FD)
        assert_int_equal(close(holder), 0);
}

static void
test_service_that_does_not_start(void **state)
{
    (void)state;
    manager = manager_open();
    assert_int_equal(run(LISTEN, "/nowhere/web.yml", never), 2);
    assert_string_equal(hear(), "");
    manager_close(&manager);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_socket_of_the_service_manager),
        cmocka_unit_test(test_service_that_does_not_start),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
