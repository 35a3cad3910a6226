/* An agent's socket, and a peer at its other end that does what the test says, on a
 * real loop and real UNIX sockets.  The clock is the test's: time passes when it says
 * so. */
#ifndef AGENT_PEER_H
#define AGENT_PEER_H

#include "source/socket/agent_socket.h"
#include "source/socket/queue.h"
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

#include "unit/cmocka_any.h"

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
    struct socket_queues *queues;
    struct agent_socket *agent;
    struct agent_socket_listener told;
    int came, woke, went, found_out;
    struct failure why_went;
    struct call call;
    int64_t timeout_ms; /* of calls */
    int done;
    struct call *next; /* sent as soon as the last one is done */
};

static inline void
note_came(void *context)
{
    ((struct world *)context)->came++;
}

static inline void
note_woke(void *context)
{
    ((struct world *)context)->woke++;
}

static inline void
note_went(void *context, const struct failure *why)
{
    struct world *world = context;

    world->went++;
    world->why_went = *why;
}

static inline void
note_found_out(void *context)
{
    ((struct world *)context)->found_out++;
}

static inline struct sockaddr_un
address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

static inline int
listen_at(const char *path, int backlog)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static inline void
open_agent(struct world *world, enum socket_use use)
{
    world->agent =
        agent_socket_open(&world->loop, world->queues, world->path, use, &world->told);
}

static inline int
set_up_with(void **state, enum socket_use use)
{
    struct world *world = calloc(1, sizeof(*world));

    strcpy(world->folder, "/tmp/test_agent.XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof(world->path), "%s/agent.sock", world->folder);
    world->peer = -1;
    world->timeout_ms = TIMEOUT_MS;
    world->listener = listen_at(world->path, 1);
    uv_loop_init(&world->loop);
    world->told = (struct agent_socket_listener){
        .came = note_came,
        .woke = note_woke,
        .went = note_went,
        .found_out = note_found_out,
        .context = world,
    };
    world->queues = socket_queues_new();
    open_agent(world, use);
    *state = world;
    return 0;
}

static inline int
set_up(void **state)
{
    return set_up_with(state, SOCKET_KEPT);
}

static inline void
shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static inline int
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
    socket_queues_free(world->queues);
    free(world->call.answer.reply);
    free(world);
    return 0;
}

/* All that can happen without time passing. */
static inline void
settle(struct world *world)
{
    for (int i = 0; i < 5; i++)
        uv_run(&world->loop, UV_RUN_NOWAIT);
}

static inline void
later(struct world *world, int64_t ms)
{
    settle(world);
    hand_clock_pass(ms * MS);
    settle(world);
}

static inline void
take_connection(struct world *world)
{
    shut(&world->peer);
    world->peer = accept4(world->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(world->peer >= 0);
}

static inline void
say(struct world *world, const char *text)
{
    assert_int_equal(send(world->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What was sent to the peer since the last time. */
static const char *
heard(struct world *world)
{
    static char bytes[4096];
    ssize_t length = recv(world->peer, bytes, sizeof(bytes) - 1, 0);

    bytes[length > 0 ? length : 0] = '\0';
    return bytes;
}

static inline int64_t
id_in(const char *request)
{
    const char *id = strstr(request, "\"id\":");

    assert_int_equal(request[0], '\xff');
    assert_non_null(id);
    assert_null(strstr(id + 1, "\"id\":")); /* one sync */
    return strtoll(id + 5, NULL, 10);
}

static inline void
answer_id(struct world *world, int64_t id)
{
    char text[256];

    snprintf(text, sizeof(text), STRAY "\xff{\"return\": %" PRId64 "}\n", id);
    say(world, text);
}

static inline void
answer_sync(struct world *world)
{
    answer_id(world, id_in(heard(world)));
    settle(world);
}

static inline void
connect_in_step(struct world *world)
{
    agent_socket_connect(world->agent);
    take_connection(world);
    answer_sync(world);
}

static inline void start_call(struct world *world);

static inline void
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

static inline void
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

static inline void
expect_reply(struct world *world, int done, const char *reply)
{
    assert_int_equal(world->done, done);
    assert_int_equal(world->call.answer.failure.kind, FAILURE_NONE);
    assert_string_equal(world->call.answer.reply, reply);
    assert_int_equal(world->call.answer.reply_length, strlen(reply));
}

static inline void
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

static inline void
exchange(struct world *world, int done)
{
    start_call(world);
    assert_string_equal(heard(world), "{\"execute\":\"guest-get-time\"}\n");
    say(world, REPLY);
    settle(world);
    expect_reply(world, done, "{\"return\": 1}");
}

/* The connection is gone; the next one works. */
static inline void
expect_recovery(struct world *world, int done)
{
    heard(world);
    assert_int_equal(recv(world->peer, &(char){0}, 1, MSG_PEEK), 0);
    later(world, 5001);
    take_connection(world);
    answer_sync(world);
    exchange(world, done);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
