/* One agent's socket: how it comes and goes, and those that others have. */
#include "source/socket/agent_socket.h"

#include "unit/source/socket/agent_peer.h"

/* --- peers that go --- */

static void
test_closed_in_mid_reply(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    heard(world);
    say(world, "{\"return\": ");
    shut(&world->peer);
    settle(world);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "has closed the socket");
    assert_int_equal(world->went, 1);
    assert_int_equal(world->why_went.kind, FAILURE_DISCONNECTED);
    /* A call meanwhile fails at once, but not from within. */
    start_call(world);
    settle(world);
    expect_failure(world, 2, FAILURE_DISCONNECTED, "has closed the socket");
    later(world, 251);
    assert_int_equal(world->came, 2);
    take_connection(world);
    answer_sync(world);
    exchange(world, 3); /* nothing is left of the half reply */
}

static void
test_closed_while_idle_and_while_syncing(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    shut(&world->peer);
    settle(world);
    assert_int_equal(world->went, 1);
    later(world, 251);
    take_connection(world);
    shut(&world->peer);
    settle(world);
    assert_int_equal(world->went, 2);
    assert_int_equal(world->done, 0);
}

/* It has gone, and the loop has not heard of it yet: nothing is told from within. */
static void
test_closed_just_before_a_call(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    shut(&world->peer);
    start_call(world);
    assert_int_equal(world->went, 0);
    settle(world);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "");
    assert_int_equal(world->went, 1);
    later(world, 251);
    take_connection(world);
    answer_sync(world);
    exchange(world, 2);
}

/* Its end is only half closed: no end of file comes. */
static void
test_one_that_does_not_want_to_hear(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    assert_int_equal(shutdown(world->peer, SHUT_RD), 0);
    start_call(world);
    settle(world);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "is gone");
    later(world, 251);
    take_connection(world);
    answer_sync(world);
    exchange(world, 2);
}

/* One that closes after every reply is connected less and less often. */
static void
test_reconnects_back_off(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    for (int64_t wait_ms = 250; wait_ms < 5000; wait_ms *= 2) {
        exchange(world, world->done + 1);
        shut(&world->peer);
        later(world, wait_ms - 2);
        assert_int_equal(accept(world->listener, NULL, NULL), -1);
        later(world, 3);
        take_connection(world);
        answer_sync(world);
    }
    /* And at once again when it has been well for a while. */
    later(world, 5001);
    exchange(world, world->done + 1);
    shut(&world->peer);
    later(world, 251);
    take_connection(world);
}

static void
test_no_socket_and_nobody_listening(void **state)
{
    struct world *world = *state;

    shut(&world->listener);
    agent_socket_connect(world->agent);
    start_call(world);
    settle(world);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "Connection refused");
    unlink(world->path);
    agent_socket_connect(world->agent);
    start_call(world);
    settle(world);
    expect_failure(world, 2, FAILURE_DISCONNECTED, "No such file");
    assert_int_equal(world->came + world->went, 0);
    world->listener = listen_at(world->path, 1);
    later(world, 1001);
    take_connection(world);
    answer_sync(world);
    assert_int_equal(world->came, 1);
    exchange(world, 3);
}

/* --- sockets that others have --- */

static void
test_held_in_the_backlog(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    assert_int_equal(world->came, 1);
    start_call(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_HELD, "end that program, or give the exporter");
    /* When the other one leaves, our turn comes. */
    later(world, 6000);
    take_connection(world);
    answer_sync(world);
    assert_int_equal(world->woke, 1);
    exchange(world, 2);
}

/* Slow it cannot have been: it has not talked to us before. */
static void
test_held_and_free_soon(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    start_call(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_HELD, "end that program, or give the exporter");
    take_connection(world);
    answer_sync(world);
    assert_int_equal(world->woke, 1);
}

static void
test_held_with_the_backlog_full(void **state)
{
    const struct sockaddr_un address = address_of(((struct world *)*state)->path);
    struct world *world = *state;
    int others[8];
    int count = 0;

    for (; count < 8; count++) {
        others[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(others[count], (const void *)&address, sizeof(address)) < 0)
            break;
    }
    assert_int_equal(errno, EAGAIN);
    agent_socket_connect(world->agent);
    assert_int_equal(world->came, 1); /* there is one to complain about */
    start_call(world);
    settle(world);
    expect_failure(world, 1, FAILURE_HELD, "another program has the agent's socket");
    for (int i = 0; i <= count; i++)
        shut(&others[i]);
    for (int i = 0; i < count; i++)
        take_connection(world);
    later(world, 5001);
    assert_int_equal(world->came, 2); /* ends the back-off */
    take_connection(world);
    answer_sync(world);
    exchange(world, 2);
}

static void
test_denied(void **state)
{
    struct world *world = *state;

    uid_t own = geteuid();

    chmod(world->path, 0700);
    chmod(world->folder, 0711);
    if (own == 0 && seteuid(65534) != 0)
        skip();
    if (own != 0)
        chmod(world->path, 0);
    agent_socket_connect(world->agent);
    start_call(world);
    settle(world);
    assert_int_equal(seteuid(own), 0);
    assert_int_equal(world->came, 1);
    expect_failure(world, 1, FAILURE_DENIED, "let the exporter's user write");
    chmod(world->path, 0700);
    agent_socket_retry(world->agent);
    assert_int_equal(world->came, 2);
    take_connection(world);
    answer_sync(world);
    exchange(world, 2);
}

/* --- ends --- */

static void
test_close_with_a_call_in_flight(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    unlink(world->path);
    agent_socket_close(world->agent);
    world->agent = NULL;
    expect_failure(world, 1, FAILURE_NOT_RUNNING, "the socket is gone");
    assert_int_equal(send(world->peer, REPLY, 1, MSG_NOSIGNAL), -1);
    later(world, 10000);
    assert_int_equal(world->done, 1);
    assert_int_equal(world->went, 0);
}

static void
test_close_in_every_state(void **state)
{
    struct world *world = *state;

    agent_socket_close(world->agent); /* never connected */
    open_agent(world, SOCKET_KEPT);
    start_call(world); /* fails soon, but closing is sooner */
    agent_socket_close(world->agent);
    assert_int_equal(world->done, 1);
    open_agent(world, SOCKET_KEPT);
    agent_socket_connect(world->agent); /* syncing */
    agent_socket_close(world->agent);
    open_agent(world, SOCKET_KEPT);
    agent_socket_connect(world->agent);
    take_connection(world);
    take_connection(world);
    start_call(world);
    agent_socket_forget_call(world->agent);
    agent_socket_close(world->agent);
    world->agent = NULL;
    later(world, 10000);
    assert_int_equal(world->done, 1);
}

static void
test_the_socket_is_removed_with_a_call_in_flight(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    heard(world);
    unlink(world->path);
    say(world, REPLY); /* the connection is not its file */
    settle(world);
    expect_reply(world, 1, "{\"return\": 1}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_closed_in_mid_reply),
        TEST(test_closed_while_idle_and_while_syncing),
        TEST(test_closed_just_before_a_call),
        TEST(test_one_that_does_not_want_to_hear),
        TEST(test_reconnects_back_off),
        TEST(test_no_socket_and_nobody_listening),
        TEST(test_held_in_the_backlog),
        TEST(test_held_and_free_soon),
        TEST(test_held_with_the_backlog_full),
        TEST(test_denied),
        TEST(test_close_with_a_call_in_flight),
        TEST(test_close_in_every_state),
        TEST(test_the_socket_is_removed_with_a_call_in_flight),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("connection of an agent socket", tests, NULL,
                                       NULL);
}
