/* Bytes to an agent and from it. */
#include "source/socket/connection.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

#define REPLY_MAX ((size_t)4096)
#define ID INT64_C(42)

struct world {
    uv_loop_t loop;
    struct agent_connection *connection; /* NULL: left */
    int peer;
    int synced, replied, failed;
    bool leaves; /* as soon as it is told something */
    enum failure_kind kind;
    char line[64];
};

static void
leave(struct world *world)
{
    agent_connection_leave(world->connection);
    world->connection = NULL;
}

static void
note_synced(void *context)
{
    struct world *world = context;

    world->synced++;
    if (world->leaves)
        leave(world);
}

static void
note_replied(void *context)
{
    struct world *world = context;
    const struct text *line = &world->connection->framing.line;

    world->replied++;
    (void)snprintf(world->line, sizeof(world->line), "%.*s", (int)line->length,
                   line->bytes);
    if (world->leaves)
        leave(world);
}

static void
note_failed(void *context, enum failure_kind kind, const char *text)
{
    struct world *world = context;

    assert_true(strlen(text) > 0);
    world->failed++;
    world->kind = kind;
    leave(world);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct agent_connection_listener listener = {.synced = note_synced,
                                                       .replied = note_replied,
                                                       .failed = note_failed,
                                                       .context = world};
    int ends[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    uv_loop_init(&world->loop);
    world->connection =
        agent_connection_open(&world->loop, ends[0], REPLY_MAX, &listener);
    world->peer = ends[1];
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    if (world->connection)
        leave(world);
    if (world->peer >= 0)
        close(world->peer);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
    return 0;
}

static void
say(struct world *world, const char *text)
{
    assert_int_equal(send(world->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

static void
expect_heard(struct world *world, const char *text)
{
    char bytes[512];
    ssize_t length = recv(world->peer, bytes, sizeof(bytes) - 1, 0);

    bytes[length > 0 ? length : 0] = '\0';
    assert_string_equal(bytes, text);
}

static int
command(struct world *world)
{
    const struct request request = {.command = "guest-get-time"};

    return agent_connection_command(world->connection, &request);
}

static void
be_in_step(struct world *world)
{
    assert_int_equal(agent_connection_sync(world->connection, ID), 0);
    expect_heard(world, "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":"
                        "{\"id\":42}}\n");
    say(world, "late\n\xff{\"return\": 42}\n");
    assert_int_equal(world->synced, 1);
}

static void
test_a_sync_and_a_command(void **state)
{
    struct world *world = *state;

    be_in_step(world);
    assert_int_equal(command(world), 0);
    expect_heard(world, "{\"execute\":\"guest-get-time\"}\n");
    say(world, "{\"return\"");
    assert_int_equal(world->replied, 0);
    say(world, ": 7}\n");
    assert_int_equal(world->replied, 1);
    assert_string_equal(world->line, "{\"return\": 7}");
    assert_int_equal(world->failed, 0);
}

/* The answer to a negative id is a line without 0xFF. */
static void
test_a_plain_sync(void **state)
{
    struct world *world = *state;

    assert_int_equal(agent_connection_sync(world->connection, -ID), 0);
    expect_heard(world,
                 "\xff{\"execute\":\"guest-sync\",\"arguments\":{\"id\":-42}}\n");
    say(world, "{\"return\": 42}\n");
    assert_int_equal(world->synced, 0);
    say(world, "{\"return\": -42}\n");
    assert_int_equal(world->synced, 1);
}

/* It was read before the next command is sent, so it is not that one's answer. */
static void
test_what_comes_in_the_same_breath(void **state)
{
    struct world *world = *state;

    assert_int_equal(agent_connection_sync(world->connection, ID), 0);
    say(world, "\xff{\"return\": 42}\n{\"return\": 7}\n");
    assert_int_equal(world->synced + world->replied, 0);
    assert_int_equal(world->failed, 1);
    assert_int_equal(world->kind, FAILURE_MALFORMED);
}

static void
test_the_other_side_closes(void **state)
{
    struct world *world = *state;

    be_in_step(world);
    close(world->peer);
    world->peer = -1;
    uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_int_equal(world->failed, 1);
    assert_int_equal(world->kind, FAILURE_DISCONNECTED);
}

/* Whoever sends hears it from the call; `failed` is not told from within. */
static void
test_a_send_to_nobody(void **state)
{
    struct world *world = *state;

    close(world->peer);
    world->peer = -1;
    assert_int_equal(agent_connection_sync(world->connection, ID), -1);
    assert_int_equal(world->failed, 0);
    assert_int_equal(world->connection->framing.state, FRAMING_OUT_OF_STEP);
}

/* It has not left: a deadline tells that nobody reads. */
static void
test_a_send_to_one_that_reads_nothing(void **state)
{
    struct world *world = *state;
    static const char bytes[64 * 1024];

    while (write(world->connection->fd, bytes, sizeof(bytes)) > 0)
        continue;
    while (write(world->connection->fd, bytes, 1) > 0)
        continue;
    assert_int_equal(agent_connection_sync(world->connection, ID), 0);
    assert_int_equal(world->connection->framing.state, FRAMING_OUT_OF_STEP);
    assert_int_equal(world->failed, 0);
}

static void
test_it_may_be_left_from_within(void **state)
{
    struct world *world = *state;
    char byte;

    world->leaves = true;
    be_in_step(world);
    assert_null(world->connection);
    assert_int_equal(recv(world->peer, &byte, 1, 0), 0);
    assert_int_equal(send(world->peer, "x", 1, MSG_NOSIGNAL), -1);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_int_equal(world->synced, 1);
    assert_int_equal(world->failed, 0);
}

/* Sends so much of a reply, and lets the loop read it. */
static void
say_much(struct world *world, uv_loop_t *loop, size_t bytes)
{
    static char much[1 << 16];

    memset(much, 'a', sizeof(much));
    while (bytes > 0 && world->connection) {
        size_t piece = bytes < sizeof(much) ? bytes : sizeof(much);
        ssize_t sent = send(world->peer, much, piece, MSG_NOSIGNAL);

        if (sent > 0)
            bytes -= (size_t)sent;
        uv_run(loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < 20; i++)
        uv_run(loop, UV_RUN_NOWAIT);
}

/* Large replies have a bound together, small ones are let through all the same. */
static void
test_many_large_replies(void **state)
{
    enum { PARTS = 8, MANY = PARTS + 2 };
    const size_t part = AGENT_LARGE_REPLIES_BYTES_MAX / PARTS;
    struct world *worlds[MANY];

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        void *one;

        assert_int_equal(set_up(&one), 0);
        worlds[i] = one;
        be_in_step(worlds[i]);
        worlds[i]->connection->framing.line.max = 2 * part;
        assert_int_equal(command(worlds[i]), 0);
    }
    for (size_t i = 0; i < PARTS; i++)
        say_much(worlds[i], &worlds[i]->loop, part);
    say_much(worlds[PARTS], &worlds[PARTS]->loop, AGENT_SMALL_REPLY_BYTES);
    for (size_t i = 0; i <= PARTS; i++)
        assert_int_equal(worlds[i]->failed, 0);
    say_much(worlds[PARTS], &worlds[PARTS]->loop, 1);
    assert_int_equal(worlds[PARTS]->failed, 1);
    assert_int_equal(worlds[PARTS]->kind, FAILURE_TOO_LARGE);
    leave(worlds[0]); /* makes room */
    say_much(worlds[PARTS + 1], &worlds[PARTS + 1]->loop, part);
    assert_int_equal(worlds[PARTS + 1]->failed, 0);
    for (size_t i = 0; i < MANY; i++)
        (void)tear_down((void *[]){worlds[i]});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_sync_and_a_command),
        TEST(test_a_plain_sync),
        TEST(test_what_comes_in_the_same_breath),
        TEST(test_the_other_side_closes),
        TEST(test_a_send_to_nobody),
        TEST(test_a_send_to_one_that_reads_nothing),
        TEST(test_it_may_be_left_from_within),
        cmocka_unit_test(test_many_large_replies),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
