/* One agent's socket against a peer that does what agents must not, on a real loop and
 * real UNIX sockets.  The clock is the test's: time passes when it says so. */
#include "source/socket/agent_socket.h"

#include "source/source.h"
#include "unit/hand_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define TIMEOUT_MS 50
#define REPLY_MAX ((size_t)4096)
/* More rounds of the loop than anything here takes. */
#define ROUNDS_MAX 10000
#define STRAY                                                                          \
    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray "   \
    "'\\uFFFD'\"}}\n"
#define REPLY "{\"return\": 1}\n"

/* --- one agent and its peer --- */

struct world {
    uv_loop_t loop;
    char folder[32], path[64];
    int listener, peer;
    struct agent_socket *agent;
    struct agent_socket_listener told;
    int came, woke, went;
    struct failure why_went;
    struct call call;
    int64_t timeout_ms; /* of calls */
    int done;
    struct call *next; /* sent as soon as the last one is done */
};

static void
note_came(void *context)
{
    ((struct world *)context)->came++;
}

static void
note_woke(void *context)
{
    ((struct world *)context)->woke++;
}

static void
note_went(void *context, const struct failure *why)
{
    struct world *world = context;

    world->went++;
    world->why_went = *why;
}

static struct sockaddr_un
address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

static int
listen_at(const char *path, int backlog)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const void *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    strcpy(world->folder, "/tmp/test_agent.XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof world->path, "%s/agent.sock", world->folder);
    world->peer = -1;
    world->timeout_ms = TIMEOUT_MS;
    world->listener = listen_at(world->path, 1);
    uv_loop_init(&world->loop);
    world->told = (struct agent_socket_listener){
        .came = note_came, .woke = note_woke, .went = note_went, .context = world};
    world->agent = agent_socket_open(&world->loop, world->path, &world->told);
    *state = world;
    return 0;
}

static void
shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    if (world->agent)
        agent_socket_close(world->agent);
    shut(&world->peer);
    shut(&world->listener);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    unlink(world->path);
    rmdir(world->folder);
    free(world->call.answer.reply);
    free(world);
    return 0;
}

/* All that can happen without time passing. */
static void
settle(struct world *world)
{
    for (int i = 0; i < 5; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
}

static void
later(struct world *world, int64_t ms)
{
    settle(world);
    hand_clock_pass(ms * MS);
    settle(world);
}

static void
take_connection(struct world *world)
{
    shut(&world->peer);
    world->peer = accept4(world->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(world->peer >= 0);
}

static void
say(struct world *world, const char *text)
{
    assert_int_equal(send(world->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What was sent to the peer since the last time. */
static const char *
heard(struct world *world)
{
    static char bytes[4096];
    ssize_t length = recv(world->peer, bytes, sizeof bytes - 1, 0);

    bytes[length > 0 ? length : 0] = '\0';
    return bytes;
}

static int64_t
id_in(const char *request)
{
    const char *id = strstr(request, "\"id\":");

    assert_int_equal(request[0], '\xff');
    assert_non_null(id);
    assert_null(strstr(id + 1, "\"id\":")); /* one sync */
    return strtoll(id + 5, NULL, 10);
}

static void
answer_id(struct world *world, int64_t id)
{
    char text[256];

    snprintf(text, sizeof text, STRAY "\xff{\"return\": %" PRId64 "}\n", id);
    say(world, text);
}

static void
answer_sync(struct world *world)
{
    answer_id(world, id_in(heard(world)));
    settle(world);
}

static void
connect_in_step(struct world *world)
{
    agent_socket_connect(world->agent);
    take_connection(world);
    answer_sync(world);
}

static void start_call(struct world *world);

static void
note_done(struct call *call)
{
    struct world *world = call->context;

    assert_ptr_equal(call, &world->call);
    assert_true(call->answer.received_mono_ns >= call->answer.sent_mono_ns);
    assert_true(call->answer.received_ns >= call->answer.sent_ns);
    world->done++;
    if (!world->next)
        return;
    world->next = NULL;
    start_call(world);
}

static void
start_call(struct world *world)
{
    int done = world->done;

    free(world->call.answer.reply);
    world->call = (struct call){
        .request = {.command = "guest-get-time"},
        .timeout_ns = world->timeout_ms * MS,
        .reply_bytes_max = REPLY_MAX,
        .done = note_done,
        .context = world,
    };
    agent_socket_call(world->agent, &world->call);
    assert_int_equal(world->done, done); /* never from within */
}

static void
expect_reply(struct world *world, int done, const char *reply)
{
    assert_int_equal(world->done, done);
    assert_int_equal(world->call.answer.failure.kind, FAILURE_NONE);
    assert_string_equal(world->call.answer.reply, reply);
    assert_int_equal(world->call.answer.reply_length, strlen(reply));
}

static void
expect_failure(struct world *world, int done, enum failure_kind kind, const char *words)
{
    assert_int_equal(world->done, done);
    assert_string_equal(failure_kind_name(world->call.answer.failure.kind),
                        failure_kind_name(kind));
    assert_null(world->call.answer.reply);
    assert_non_null(strstr(world->call.answer.failure.text, world->path));
    if (!strstr(world->call.answer.failure.text, words))
        fail_msg("not \"%s\" in: %s", words, world->call.answer.failure.text);
}

static void
exchange(struct world *world, int done)
{
    start_call(world);
    assert_string_equal(heard(world), "{\"execute\":\"guest-get-time\"}\n");
    say(world, REPLY);
    settle(world);
    expect_reply(world, done, "{\"return\": 1}");
}

/* The connection is gone; the next one works. */
static void
expect_recovery(struct world *world, int done)
{
    heard(world);
    assert_int_equal(recv(world->peer, &(char){0}, 1, MSG_PEEK), 0);
    later(world, 5001);
    take_connection(world);
    answer_sync(world);
    exchange(world, done);
}

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
        if (connect(others[count], (const void *)&address, sizeof address) < 0)
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
    snprintf(text, sizeof text, "\xff{\"return\": %" PRId64 "}\n" REPLY,
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

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern[i % length];
    for (int i = 0; i < ROUNDS_MAX; i++) {
        ssize_t taken = send(world->peer, bytes, sizeof bytes, MSG_NOSIGNAL);

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
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
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

/* qemu-ga takes a reset of its connection as its own end. */
static void
test_close_with_a_reply_unread(void **state)
{
    struct world *world = *state;
    char byte;

    connect_in_step(world);
    start_call(world);
    heard(world);
    say(world, REPLY);
    agent_socket_close(world->agent);
    world->agent = NULL;
    assert_int_equal(recv(world->peer, &byte, 1, 0), 0);
}

static void
test_close_in_every_state(void **state)
{
    struct world *world = *state;

    agent_socket_close(world->agent); /* never connected */
    world->agent = agent_socket_open(&world->loop, world->path, &world->told);
    start_call(world); /* fails soon, but closing is sooner */
    agent_socket_close(world->agent);
    assert_int_equal(world->done, 1);
    world->agent = agent_socket_open(&world->loop, world->path, &world->told);
    agent_socket_connect(world->agent); /* syncing */
    agent_socket_close(world->agent);
    world->agent = agent_socket_open(&world->loop, world->path, &world->told);
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

static void
test_a_path_that_is_too_long_for_an_address(void **state)
{
    struct world *world = *state;
    char folder[200], path[256], other[256];
    struct agent_socket *agent;

    snprintf(folder, sizeof folder, "%s/%0120d", world->folder, 0);
    snprintf(path, sizeof path, "%s/agent.sock", folder);
    snprintf(other, sizeof other, "%s/agent.soc", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(rename(world->path, path), 0);
    agent = agent_socket_open(&world->loop, path, &world->told);
    agent_socket_connect(agent);
    take_connection(world);
    answer_sync(world);
    assert_int_equal(world->came, 1);
    agent_socket_close(agent);
    agent = agent_socket_open(&world->loop, other, &world->told);
    agent_socket_connect(agent);
    assert_int_equal(world->came, 1); /* not another one, by a path cut short */
    agent_socket_close(agent);
    unlink(path);
    rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_command_and_its_reply),
        TEST(test_a_reply_in_pieces),
        TEST(test_a_call_before_the_step_waits_for_it),
        TEST(test_connect_while_connected_takes_the_new_one),
        TEST(test_closed_in_mid_reply),
        TEST(test_closed_while_idle_and_while_syncing),
        TEST(test_closed_just_before_a_call),
        TEST(test_one_that_does_not_want_to_hear),
        TEST(test_reconnects_back_off),
        TEST(test_no_socket_and_nobody_listening),
        TEST(test_a_late_reply_answers_nothing),
        TEST(test_one_that_was_away_wakes),
        TEST(test_one_that_was_slow_wakes),
        TEST(test_nobody_reads),
        TEST(test_held_in_the_backlog),
        TEST(test_held_and_free_soon),
        TEST(test_held_with_the_backlog_full),
        TEST(test_denied),
        TEST(test_a_reply_over_the_limit),
        TEST(test_a_call_waits_for_the_connection_anew),
        TEST(test_bytes_that_nobody_asked_for),
        TEST(test_two_replies_in_one_breath),
        TEST(test_a_reply_in_one_breath_with_the_sync),
        TEST(test_floods_while_syncing),
        TEST(test_a_flood_while_a_call_waits),
        TEST(test_close_with_a_call_in_flight),
        TEST(test_close_with_a_reply_unread),
        TEST(test_close_in_every_state),
        TEST(test_the_socket_is_removed_with_a_call_in_flight),
        TEST(test_a_path_that_is_too_long_for_an_address),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("agent socket", tests, NULL, NULL);
}
