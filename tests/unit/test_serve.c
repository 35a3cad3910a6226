/* The daemon and its signals, with a source that does what the test says. */
#include "serve.h"

#include "store/store.h"
#include "unit/fake_source.h"
#include "unit/hand_clock.h"
#include "unit/serve_run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void
end_at_once(unsigned int turn)
{
    if (turn == 10)
        assert_int_equal(raise(SIGTERM), 0);
}

static void
test_ends_by_a_signal(void **state)
{
    (void)state;
    assert_int_equal(run(LISTEN, NULL, end_at_once), 0);
    assert_int_equal(count("msg=stopping signal=Terminated"), 1);
    assert_int_equal(count("msg=\"the config is read\" file=/tmp/test_serve."), 1);
    assert_int_equal(count(" web_file=none"), 1);
    assert_int_equal(fake.calls, 1);
}

static void
test_a_source_that_is_away_has_its_remedy(void **state)
{
    (void)state;
    behaviour = FAKE_IS_AWAY;
    assert_int_equal(run(LISTEN, NULL, end_at_once), 0);
    behaviour = FAKE_ANSWERS;
    assert_int_equal(count("remedy=\"start the daemon: systemctl start "), 1);
}

static unsigned int port, old_port, calls_before;

static void
reload_and_end(unsigned int turn)
{
    char config[128];

    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\npaused: true\n", port);
    if (turn == 10)
        write_config("nonsense: 1\n");
    if (turn == 30)
        write_config(config);
    if (turn == 10 || turn == 30)
        assert_int_equal(raise(SIGHUP), 0);
    if (turn == 50) {
        assert_true(is_well(port, "/-/ready"));
        calls_before = fake.calls;
    }
    if (turn == 5000) /* some 50 s later; else it is asked every 15 s */
        assert_int_equal(raise(SIGTERM), 0);
}

static void
test_reload(void **state)
{
    (void)state;
    port = choose_port(NULL);
    assert_int_equal(run(LISTEN, NULL, reload_and_end), 0);
    assert_int_equal(count("the new config is refused, the old one stays"), 1);
    assert_int_equal(count("unknown key"), 1);
    assert_int_equal(count("the config is reloaded"), 1);
    assert_int_equal(count("msg=\"Listening on\""), 2); /* and none for the refused */
    assert_int_equal(fake.calls, calls_before);
}

static void
reload_what_cannot_be(unsigned int turn)
{
    char config[128];

    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n"
                   "log: {format: json}\n",
                   port);
    if (turn == 10) {
        write_config(config);
        assert_int_equal(raise(SIGHUP), 0);
    }
    if (turn == 30)
        assert_int_equal(raise(SIGTERM), 0);
}

/* The old address is listened to again, and the log is the old one, too. */
static void
test_reload_with_an_address_that_is_taken(void **state)
{
    int holder;

    (void)state;
    port = choose_port(&holder);
    assert_int_equal(run(LISTEN, NULL, reload_what_cannot_be), 0);
    assert_int_equal(count("msg=\"the new config is refused, the old one stays\""), 1);
    assert_int_equal(count("Listening on"), 2);
    close(holder);
}

static struct rlimit usual_limit;

/* With one file to read the configuration, and none for the web. */
static void
reload_without_files(unsigned int turn)
{
    char config[128];

    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n", port);
    if (turn == 10 || turn == 30) {
        write_config(config);
        assert_int_equal(raise(SIGHUP), 0);
    }
    if (turn == 10) {
        int next = dup(0);
        const struct rlimit few = {(rlim_t)next + 1, usual_limit.rlim_max};

        assert_int_equal(close(next), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    }
    if (turn == 29) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual_limit), 0);
        assert_true(is_well(old_port, "/-/healthy"));
    }
    if (turn == 50) {
        assert_true(is_well(port, "/-/healthy"));
        assert_int_equal(raise(SIGTERM), 0);
    }
}

/* The old port goes on, and later the reload succeeds. */
static void
test_reload_without_files(void **state)
{
    char config[128];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    port = choose_port(NULL);
    old_port = choose_port(NULL);
    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n", old_port);
    assert_int_equal(run(config, NULL, reload_without_files), 0);
    assert_int_equal(count("msg=\"the new config is refused, the old one stays\""), 1);
    assert_int_equal(count("raise the limit of open files"), 1);
    assert_int_equal(count("the config is reloaded"), 1);
    assert_int_equal(count("msg=\"Listening on\""), 2);
}

/* What is asked here, the main thread asks: it stands still meanwhile. */
static void
stand_still_and_end(unsigned int turn)
{
    if (turn == 5000) /* some 50 s later */
        assert_true(is_well(port, "/-/healthy"));
    if (turn == 5001) {
        hand_clock_pass(STORE_PATIENCE_NS);
        assert_false(is_well(port, "/-/healthy"));
    }
    if (turn == 5200) {
        assert_true(is_well(port, "/-/healthy"));
        assert_int_equal(raise(SIGTERM), 0);
    }
}

static int asker;
static char outcome[1024];

/* The web's thread has read the first request when it has answered the two after it. */
static void
ask_for_a_reload(unsigned int turn)
{
    char config[128];

    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n", port);
    if (turn == 10) {
        write_config(config);
        asker = dial_and_say(old_port, "POST /-/reload HTTP/1.0\r\n\r\n");
        (void)is_well(old_port, "/-/ready");
        (void)is_well(old_port, "/-/ready");
    }
    if (turn == 30) {
        size_t length = 0;
        ssize_t got;

        while ((got = read(asker, outcome + length, sizeof(outcome) - 1 - length)) > 0)
            length += (size_t)got;
        outcome[length] = '\0';
        assert_int_equal(close(asker), 0);
        assert_int_equal(raise(SIGTERM), 0);
    }
}

static void
test_health_is_that_of_the_loop(void **state)
{
    char config[128];

    (void)state;
    port = choose_port(NULL);
    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n", port);
    assert_int_equal(run(config, NULL, stand_still_and_end), 0);
}

/* Although the address that it was asked at is left meanwhile. */
static void
test_reload_by_request(void **state)
{
    char config[128];
    int holder;

    (void)state;
    old_port = choose_port(NULL);
    port = choose_port(NULL);
    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n", old_port);
    assert_int_equal(run(config, NULL, ask_for_a_reload), 0);
    assert_int_equal(count("the config is reloaded"), 1);
    assert_int_equal(count("Listening on"), 2);
    assert_non_null(strstr(outcome, " 200 OK\r\n"));
    assert_non_null(strstr(outcome, "\r\n\r\nThe configuration is reloaded.\n"));

    port = choose_port(&holder);
    assert_int_equal(run(config, NULL, ask_for_a_reload), 0);
    assert_int_equal(count("the new config is refused, the old one stays"), 1);
    assert_non_null(strstr(outcome, " 500 Internal Server Error\r\n"));
    assert_non_null(strstr(outcome, ": Address already in use; stop the other"));
    assert_int_equal(close(holder), 0);
}

static unsigned int calls_when_paused, calls_after_pause;

static void
pause_and_end(unsigned int turn)
{
    if (turn == 10 || turn == 10000)
        assert_int_equal(raise(SIGUSR1), 0);
    if (turn == 30)
        calls_when_paused = fake.calls;
    if (turn == 9999) /* some 100 s later; it is asked every 15 s */
        calls_after_pause = fake.calls;
    if (turn == 13000)
        assert_int_equal(raise(SIGTERM), 0);
}

static void
test_pause(void **state)
{
    (void)state;
    assert_int_equal(run(LISTEN, NULL, pause_and_end), 0);
    assert_int_equal(count("paused: no guest is asked anything until"), 1);
    assert_int_equal(count("no longer paused"), 1);
    assert_int_equal(calls_when_paused, 1);
    assert_int_equal(calls_after_pause, 1);
    assert_true(fake.calls > 1);
}

static void
never(unsigned int turn)
{
    (void)turn;
    fail();
}

static void
test_bad_web_config(void **state)
{
    (void)state;
    assert_int_equal(run(LISTEN, "/nowhere/web.yml", never), 2);
    assert_int_equal(count("qga-exporter: /nowhere/web.yml"), 1);
}

static void
test_address_taken(void **state)
{
    char config[128];
    int holder;

    (void)state;
    (void)snprintf(config, sizeof(config),
                   "web: {listen_addresses: [\"127.0.0.1:%u\"]}\n",
                   choose_port(&holder));
    assert_int_equal(run(config, NULL, never), 1);
    assert_int_equal(count("qga-exporter: "), 1);
    close(holder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_by_a_signal),
        cmocka_unit_test(test_a_source_that_is_away_has_its_remedy),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_reload_without_files),
        cmocka_unit_test(test_reload_with_an_address_that_is_taken),
        cmocka_unit_test(test_health_is_that_of_the_loop),
        cmocka_unit_test(test_reload_by_request),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_bad_web_config),
        cmocka_unit_test(test_address_taken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
