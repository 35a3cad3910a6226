/* One agent's socket: what is asked, and peers that answer what agents must not. */
#include "source/socket/agent_socket.h"

#include "unit/source/socket/agent_peer.h"

#include <fcntl.h>
#include <sys/wait.h>

/* --- what should be --- */

static void
test_a_command_and_its_reply(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    assert_int_equal(world->came, 1);
    exchange(world, 1);
    exchange(world, 2);
    assert_int_equal(world->woke + world->went, 0);
    assert_true(world->call.answer.received_mono_ns - world->call.answer.sent_mono_ns <
                1000 * MS);
}

/* What is not in the registry does not reach the socket. */
static void
test_a_command_of_no_collector_is_not_sent(void **state)
{
    struct world *world = *state;
    int status = 0;

    connect_in_step(world);
    pid_t child = fork();

    if (child == 0) {
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        world->call = (struct call){.request = {.command = "guest-shutdown"},
                                    .timeout_ns = MS,
                                    .reply_bytes_max = REPLY_MAX,
                                    .done = note_done,
                                    .context = world};
        agent_socket_call(world->agent, &world->call);
        _exit(EXIT_SUCCESS);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_string_equal(heard(world), "");
}

static void
test_a_reply_in_pieces(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    for (const char *at = REPLY; *at; at++) {
        assert_int_equal(world->done, 0);
        assert_int_equal(send(world->peer, at, 1, 0), 1);
        settle(world);
    }
    expect_reply(world, 1, "{\"return\": 1}");
}

/* The loop was busy elsewhere meanwhile, and comes to its timers first. */
static void
test_an_answer_that_is_there_at_the_deadline_is_not_late(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    heard(world);
    say(world, REPLY);
    hand_clock_pass((TIMEOUT_MS + 1) * MS);
    settle(world);
    expect_reply(world, 1, "{\"return\": 1}");
}

/* One that always has something to say, and never all of it. */
static void
test_what_is_said_at_the_deadline_is_not_waited_for_for_ever(void **state)
{
    struct world *world = *state;
    int turns = 0;

    connect_in_step(world);
    start_call(world);
    heard(world);
    hand_clock_pass((TIMEOUT_MS + 1) * MS);
    for (; world->done == 0 && turns < 100; turns++) {
        say(world, "x");
        hand_clock_pass(2 * MS);
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    expect_failure(world, 1, FAILURE_TIMEOUT, "in time");
    assert_in_range(turns, 1, 20); /* libuv reads before its timers, or after */
}

/* Time that passed before the call, in which the loop did not turn, is not the call's.
 */
static void
test_the_deadline_counts_from_the_call(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    hand_clock_pass(TIMEOUT_MS * MS);
    start_call(world);
    hand_clock_pass(2 * MS);
    settle(world);
    assert_int_equal(world->done, 0);
    say(world, REPLY);
    settle(world);
    expect_reply(world, 1, "{\"return\": 1}");
}

static void
test_a_call_before_the_step_waits_for_it(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    take_connection(world);
    start_call(world);
    settle(world);
    int64_t id = id_in(heard(world)); /* the call sent no command, and no second sync */

    answer_id(world, id);
    settle(world);
    assert_string_equal(heard(world), "{\"execute\":\"guest-get-time\"}\n");
    say(world, REPLY);
    settle(world);
    expect_reply(world, 1, "{\"return\": 1}");
}

static void
test_connect_while_connected_takes_the_new_one(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    agent_socket_connect(world->agent);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "made anew");
    assert_int_equal(world->went, 1);
    assert_int_equal(world->came, 2);
    take_connection(world);
    answer_sync(world);
    exchange(world, 2);
    agent_socket_retry(world->agent); /* leaves it */
    exchange(world, 3);
}

/* --- peers that are silent --- */

static void
test_a_late_reply_answers_nothing(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    heard(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_TIMEOUT, "guest-get-time in time");
    int64_t id = id_in(heard(world)); /* was sent at the deadline */

    start_call(world); /* is not sent until the sync is answered */
    settle(world);
    say(world, "{\"return\": \"late\"}\n");
    settle(world);
    assert_int_equal(world->done, 1);
    /* It has read the first sync, so another one was sent with the call; whichever
     * comes first, the last counts. */
    const char *more = heard(world);
    int64_t last = more[0] ? id_in(more) : id;

    answer_id(world, id);
    if (last != id)
        answer_id(world, last);
    settle(world);
    assert_string_equal(heard(world), "{\"execute\":\"guest-get-time\"}\n");
    say(world, REPLY);
    settle(world);
    expect_reply(world, 2, "{\"return\": 1}");
    assert_int_equal(world->woke, 0);
}

static void
test_one_that_was_away_wakes(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_TIMEOUT, "in time");
    /* It reads nothing, so nothing is piled up. */
    start_call(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 2, FAILURE_TIMEOUT, "does not answer a sync");
    later(world, 6000);
    const char *request = heard(world);

    assert_memory_equal(request, "{\"execute\":\"guest-get-time\"}\n\xff", 30);
    answer_id(world, id_in(strchr(request, '\xff')));
    settle(world);
    assert_int_equal(world->woke, 1);
    assert_int_equal(world->came, 1);
    exchange(world, 3);
    settle(world);
    assert_int_equal(world->woke, 1);
}

/* So does one that was only slow; it is the schedule that asks a slow command less. */
static void
test_one_that_was_slow_wakes(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    heard(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_TIMEOUT, "in time");
    later(world, 4000);
    say(world, REPLY);
    answer_sync(world);
    assert_int_equal(world->woke, 1);
    assert_int_equal(world->came, 1);
    exchange(world, 2);
}

static void
test_nobody_reads(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    take_connection(world);
    start_call(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "nobody in the guest reads");
}

/* --- peers that say too much --- */

static void
test_a_reply_over_the_limit(void **state)
{
    struct world *world = *state;
    char flood[REPLY_MAX + 2] = "";

    connect_in_step(world);
    start_call(world);
    heard(world);
    memset(flood, 'x', REPLY_MAX + 1);
    say(world, flood);
    settle(world);
    expect_failure(world, 1, FAILURE_TOO_LARGE, "limits.reply_bytes");
    assert_int_equal(world->went, 0); /* it is there all the same */
    expect_recovery(world, 2);
    assert_int_equal(world->came, 1); /* ... and its coming back is no news */
}

/* What one command's reply has done is not the failure of the next command, which
 * waits, as long as it may, until we are connected again. */
static void
test_a_call_waits_for_the_connection_anew(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    start_call(world);
    heard(world);
    say(world, "no reply\n");
    settle(world);
    expect_failure(world, 1, FAILURE_MALFORMED, "a line that is no reply");
    start_call(world); /* connected in 250 ms, which is too late for this one */
    settle(world);
    expect_failure(world, 2, FAILURE_MALFORMED, "a line that is no reply");
    world->timeout_ms = 3000;
    start_call(world);
    settle(world);
    assert_int_equal(world->done, 2);
    later(world, 251);
    take_connection(world);
    answer_sync(world);
    say(world, REPLY);
    settle(world);
    expect_reply(world, 3, "{\"return\": 1}");
    /* And then it has its own reason to fail. */
    say(world, "\n");
    settle(world);
    start_call(world);
    later(world, 501);
    take_connection(world);
    heard(world);
    later(world, 3001);
    expect_failure(world, 4, FAILURE_TIMEOUT, "does not answer a sync");
}

static void
test_bytes_that_nobody_asked_for(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    say(world, "\n");
    settle(world);
    assert_int_equal(world->went, 0);
    expect_recovery(world, 1);
}

/* The reply to a command that was not yet sent is none. */
static void
test_two_replies_in_one_breath(void **state)
{
    struct world *world = *state;

    connect_in_step(world);
    world->next = &world->call;
    start_call(world);
    heard(world);
    say(world, REPLY "{\"return\": 2}\n");
    settle(world);
    expect_failure(world, world->done, FAILURE_MALFORMED, "nobody asked for");
}

static void
test_a_reply_in_one_breath_with_the_sync(void **state)
{
    struct world *world = *state;
    char text[256];

    agent_socket_connect(world->agent);
    take_connection(world);
    start_call(world);
    snprintf(text, sizeof(text), "\xff{\"return\": %" PRId64 "}\n" REPLY,
             id_in(heard(world)));
    say(world, text);
    settle(world);
    expect_failure(world, 1, FAILURE_MALFORMED, "nobody asked for");
}

/* Sends until the connection is dropped; how much that took. */
static size_t
flood_with(struct world *world, const char *pattern)
{
    char bytes[4096];
    size_t sent = 0, length = strlen(pattern);

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = pattern[i % length];
    for (int i = 0; i < ROUNDS_MAX; i++) {
        ssize_t taken = send(world->peer, bytes, sizeof(bytes), MSG_NOSIGNAL);

        if (taken < 0 && errno == EPIPE)
            return sent;
        sent += taken > 0 ? (size_t)taken : 0;
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    fail_msg("the flood does not end");
    return sent;
}

static void
test_floods_while_syncing(void **state)
{
    static const char *const patterns[] = {"x", "\n", "\xff", "\xff\n", "\xff{}\n"};
    struct world *world = *state;

    agent_socket_connect(world->agent);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        take_connection(world);
        heard(world);
        assert_in_range(flood_with(world, patterns[i]), 1, 3 * 1024 * 1024);
        later(world, 5001);
    }
    assert_int_equal(world->went, 0);
    take_connection(world);
    answer_sync(world);
    exchange(world, 1);
}

static void
test_a_flood_while_a_call_waits(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    take_connection(world);
    heard(world);
    start_call(world);
    assert_in_range(flood_with(world, "x"), 1, 3 * REPLY_MAX + 65536);
    expect_failure(world, 1, FAILURE_MALFORMED, "without end");
    expect_recovery(world, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_command_and_its_reply),
        TEST(test_a_command_of_no_collector_is_not_sent),
        TEST(test_a_reply_in_pieces),
        TEST(test_an_answer_that_is_there_at_the_deadline_is_not_late),
        TEST(test_what_is_said_at_the_deadline_is_not_waited_for_for_ever),
        TEST(test_the_deadline_counts_from_the_call),
        TEST(test_a_call_before_the_step_waits_for_it),
        TEST(test_connect_while_connected_takes_the_new_one),
        TEST(test_a_late_reply_answers_nothing),
        TEST(test_one_that_was_away_wakes),
        TEST(test_one_that_was_slow_wakes),
        TEST(test_nobody_reads),
        TEST(test_a_reply_over_the_limit),
        TEST(test_a_call_waits_for_the_connection_anew),
        TEST(test_bytes_that_nobody_asked_for),
        TEST(test_two_replies_in_one_breath),
        TEST(test_a_reply_in_one_breath_with_the_sync),
        TEST(test_floods_while_syncing),
        TEST(test_a_flood_while_a_call_waits),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("agent socket", tests, NULL, NULL);
}
