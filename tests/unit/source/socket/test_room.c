/* Visits to a socket that others want too. */
#include "source/socket/agent_socket.h"

#include "source/socket/visit.h"
#include "unit/source/socket/agent_peer.h"

#include <sys/prctl.h>

static int
set_up_shared(void **state)
{
    return set_up_with(state, SOCKET_SHARED);
}

static int
set_up_auto(void **state)
{
    return set_up_with(state, SOCKET_AUTO);
}

/* Somebody else: in the queue until he is accepted. */
static int
somebody(const struct world *world)
{
    const struct sockaddr_un address = address_of(world->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(connect(fd, (const void *)&address, sizeof(address)), 0);
    return fd;
}

/* We have left, and nothing was said but what was heard. */
static void
expect_left(struct world *world)
{
    char byte;

    assert_int_equal(recv(world->peer, &byte, 1, 0), 0);
}

static bool
is_connected(struct world *world)
{
    char byte;

    return recv(world->peer, &byte, 1, MSG_PEEK) < 0;
}

/* A call by which a visit begins, up to its command. */
static void
begin(struct world *world)
{
    start_call(world);
    settle(world);
    take_connection(world);
    assert_string_equal(heard(world), ""); /* nothing is said in the queue */
    later(world, 2);
    const char *sync = heard(world);

    assert_non_null(strstr(sync, "\"guest-sync\""));
    int64_t id = id_in(sync);
    char text[256];

    assert_true(id < 0);
    snprintf(text, sizeof(text), STRAY "{\"return\": %" PRId64 "}\n", id);
    say(world, text);
    settle(world);
}

static void
answer(struct world *world, int done)
{
    assert_string_equal(heard(world), "{\"execute\":\"guest-get-time\"}\n");
    say(world, REPLY);
    settle(world);
    expect_reply(world, done, "{\"return\": 1}");
}

/* --- alone --- */

static void
test_it_is_connected_for_a_visit_only(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    assert_int_equal(world->came, 1); /* known without a connection */
    assert_true(agent_socket_is_shared(world->agent));
    settle(world);
    assert_int_equal(accept(world->listener, NULL, NULL), -1);
    begin(world);
    answer(world, 1);
    exchange(world, 2); /* without another sync */
    assert_true(is_connected(world));
    agent_socket_end_visit(world->agent);
    expect_left(world);
    begin(world);
    answer(world, 3);
    assert_int_equal(world->came, 1);
    assert_int_equal(world->went + world->woke, 0);
}

static void
test_a_visit_that_nobody_ends(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    begin(world);
    answer(world, 1);
    later(world, VISIT_IDLE_NS / MS - 1);
    assert_true(is_connected(world));
    later(world, 9);
    expect_left(world);
}

/* A late answer to the sync of another visit is none to this one's. */
static void
test_a_late_sync(void **state)
{
    struct world *world = *state;
    int64_t ids[2];
    char text[256];

    agent_socket_connect(world->agent);
    for (int i = 0; i < 2; i++) {
        start_call(world);
        settle(world);
        take_connection(world);
        later(world, 2);
        ids[i] = id_in(heard(world));
        if (i > 0)
            break;
        later(world, TIMEOUT_MS + 1);
        expect_failure(world, 1, FAILURE_TIMEOUT, "does not answer a sync");
    }
    snprintf(text, sizeof(text), "\"half of a reply\"}}\n{\"return\": %" PRId64 "}\n",
             ids[0]);
    say(world, text);
    settle(world);
    assert_string_equal(heard(world), "");
    snprintf(text, sizeof(text), "{\"return\": %" PRId64 "}\n", ids[1]);
    say(world, text);
    settle(world);
    answer(world, 2);
}

/* --- others --- */

static void
test_somebody_comes_between_two_calls(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    begin(world);
    answer(world, 1);
    int other = somebody(world);

    start_call(world);
    expect_left(world); /* the command was not sent */
    settle(world);
    expect_failure(world, 2, FAILURE_BUSY, "another program uses");
    assert_int_equal(world->went, 0);
    /* He is served, and done; it is our turn again. */
    take_connection(world);
    shut(&other);
    begin(world);
    answer(world, 3);
}

static void
test_somebody_comes_while_the_visit_lingers(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    begin(world);
    answer(world, 1);
    int other = somebody(world);

    later(world, 8);
    expect_left(world);
    shut(&other);
}

/* An agent that has just lost a client sleeps for 100 ms. */
static void
test_somebody_comes_while_a_sync_is_awaited(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    start_call(world);
    settle(world);
    take_connection(world);
    later(world, 2);
    assert_true(id_in(heard(world)) < 0);
    int other = somebody(world);

    later(world, 8);
    expect_left(world);
    expect_failure(world, 1, FAILURE_BUSY, "another program uses");
    shut(&other);
}

/* Its answer would be his. */
static void
test_somebody_comes_while_a_command_is_awaited(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    begin(world);
    int other = somebody(world);

    later(world, TIMEOUT_MS - 1);
    assert_int_equal(world->done, 0);
    answer(world, 1);
    later(world, 8);
    expect_left(world);
    shut(&other);
}

static void
test_somebody_waits_already(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    int other = somebody(world);

    start_call(world);
    settle(world);
    expect_failure(world, 1, FAILURE_BUSY, "another program uses");
    take_connection(world); /* his; ours was never there */
    assert_int_equal(accept(world->listener, NULL, NULL), -1);
    shut(&other);
}

static void
test_somebody_is_served(void **state)
{
    struct world *world = *state;
    int other = somebody(world);

    agent_socket_connect(world->agent);
    take_connection(world);
    world->timeout_ms = 3000;
    start_call(world);
    settle(world);
    for (int64_t ms = 0; ms <= VISIT_QUEUED_NS / MS; ms += 8) {
        assert_int_equal(world->done, 0);
        later(world, 8);
    }
    later(world, 8);
    expect_failure(world, 1, FAILURE_BUSY, "another program uses");
    /* What we left in the queue tells the next visit that it would be in vain. */
    start_call(world);
    settle(world);
    expect_failure(world, 2, FAILURE_BUSY, "another program uses");
    take_connection(world);
    assert_string_equal(heard(world), "");
    shut(&other);
    begin(world);
    answer(world, 3);
}

/* Behind us, while we wait for our turn: he has waited less, but is not to wait for us
 * as well. */
static void
test_somebody_comes_behind_us(void **state)
{
    struct world *world = *state;
    int served = somebody(world), behind;

    agent_socket_connect(world->agent);
    take_connection(world);
    start_call(world);
    settle(world);
    behind = somebody(world);
    later(world, 2);
    expect_failure(world, 1, FAILURE_BUSY, "another program uses");
    shut(&served);
    shut(&behind);
}

/* --- trouble --- */

static void
test_at_the_deadline_it_leaves(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    begin(world);
    heard(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_TIMEOUT, "does not answer guest-get-time in time");
    expect_left(world); /* and no sync was sent */
    assert_int_equal(world->went, 0);
    later(world, 10000);
    assert_int_equal(accept(world->listener, NULL, NULL), -1);
}

static void
test_nobody_in_the_guest_reads(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    start_call(world);
    settle(world);
    take_connection(world);
    later(world, TIMEOUT_MS + 1);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "nobody in the guest reads");
}

static void
test_what_breaks_the_rules_costs_its_call(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    begin(world);
    heard(world);
    say(world, "no reply\n");
    settle(world);
    expect_failure(world, 1, FAILURE_MALFORMED, "a line that is no reply");
    expect_left(world);
    begin(world); /* at once: nothing stands against it */
    answer(world, 2);
    assert_int_equal(world->came, 1);
}

static void
test_nobody_listens_any_more(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    shut(&world->listener);
    start_call(world);
    settle(world);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "Connection refused");
    assert_int_equal(world->went, 1);
    unlink(world->path);
    world->listener = listen_at(world->path, 1);
    later(world, 501);
    assert_int_equal(world->came, 2);
    take_connection(world); /* to be sure that somebody is there */
    expect_left(world);
    begin(world);
    answer(world, 2);
}

static void
test_a_socket_that_is_made_anew(void **state)
{
    struct world *world = *state;

    agent_socket_connect(world->agent);
    agent_socket_connect(world->agent); /* between two visits */
    assert_int_equal(world->went, 1);
    assert_int_equal(world->came, 2);
    begin(world);
    agent_socket_connect(world->agent);
    expect_failure(world, 1, FAILURE_DISCONNECTED, "made anew");
    assert_int_equal(world->came, 3);
    settle(world);
    begin(world);
    answer(world, 2);
}

/* --- by who listens --- */

static void
test_qemu_ga_itself_is_kept(void **state)
{
    struct world *world = *state;

    /* Who listens is by the process that called listen(): this one. */
    assert_int_equal(prctl(PR_SET_NAME, "qemu-ga"), 0);
    agent_socket_connect(world->agent);
    assert_true(agent_socket_is_shared(world->agent));
    start_call(world);
    settle(world);
    assert_false(agent_socket_is_shared(world->agent));
    assert_int_equal(world->found_out, 1);
    take_connection(world);
    answer_sync(world); /* guest-sync-delimited */
    say(world, REPLY);
    settle(world);
    expect_reply(world, 1, "{\"return\": 1}");
    heard(world);
    agent_socket_end_visit(world->agent);
    later(world, 10000);
    assert_true(is_connected(world));
    exchange(world, 2);
}

static void
test_whoever_else_listens_is_shared(void **state)
{
    struct world *world = *state;

    assert_int_equal(prctl(PR_SET_NAME, "kvm"), 0);
    agent_socket_connect(world->agent);
    begin(world);
    assert_true(agent_socket_is_shared(world->agent));
    assert_int_equal(world->found_out, 0);
    answer(world, 1);
}

#define SHARED(name) cmocka_unit_test_setup_teardown(name, set_up_shared, tear_down)
#define AUTO(name) cmocka_unit_test_setup_teardown(name, set_up_auto, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SHARED(test_it_is_connected_for_a_visit_only),
        SHARED(test_a_visit_that_nobody_ends),
        SHARED(test_a_late_sync),
        SHARED(test_somebody_comes_between_two_calls),
        SHARED(test_somebody_comes_while_the_visit_lingers),
        SHARED(test_somebody_comes_while_a_sync_is_awaited),
        SHARED(test_somebody_comes_while_a_command_is_awaited),
        SHARED(test_somebody_waits_already),
        SHARED(test_somebody_is_served),
        SHARED(test_somebody_comes_behind_us),
        SHARED(test_at_the_deadline_it_leaves),
        SHARED(test_nobody_in_the_guest_reads),
        SHARED(test_what_breaks_the_rules_costs_its_call),
        SHARED(test_nobody_listens_any_more),
        SHARED(test_a_socket_that_is_made_anew),
        AUTO(test_qemu_ga_itself_is_kept),
        AUTO(test_whoever_else_listens_is_shared),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
