/* The socket source: what guests it makes of sockets, and their calls. */
#include "source/source.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "config/config.h"

#include <fcntl.h>
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

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

struct world {
    uv_loop_t loop;
    uv_timer_t tick; /* so that the loop never waits for long */
    struct mailbox *mailbox;
    struct source *source;
    char folder[32];
    char heard[1024];
    int done;
};

static void
note(struct world *world, const char *what, const char *name)
{
    size_t length = strlen(world->heard);

    snprintf(world->heard + length, sizeof(world->heard) - length, "%s %s;", what,
             name);
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    (void)source;
    assert_int_equal(facts->domain, DOMAIN_RUNNING);
    assert_string_equal(facts->uuid, "");
    note(context,
         facts->agent_connected                   ? "came"
         : facts->channel == CHANNEL_DISCONNECTED ? "silent"
                                                  : "seen",
         facts->name);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    note(context, "gone", strrchr(key, '/') + 1);
}

static void
source_up(void *context, struct source *source)
{
    (void)source;
    note(context, "up", "");
}

static void
source_down(void *context, struct source *source, const char *why)
{
    struct world *world = context;

    (void)source;
    note(world, "down", strncmp(why, "no folder fits", 14) == 0 ? "no folder" : why);
}

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    snprintf(world->folder, sizeof(world->folder), "/tmp/test_source.XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    assert_int_equal(chdir(world->folder), 0);
    uv_loop_init(&world->loop);
    world->mailbox = mailbox_new(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    *state = world;
    return 0;
}

static void
stop(struct world *world)
{
    assert_true(source_socket.stop(world->source, clock_monotonic_ns() + PATIENCE_NS));
    world->source = NULL;
}

static int
tear_down(void **state)
{
    struct world *world = *state;
    char command[64];

    if (world->source)
        stop(world);
    mailbox_drain(world->mailbox); /* command lines that nobody waits for any more */
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static void
start(struct world *world, const char *below, const char *guest_name)
{
    static struct source_listener listener = {.guest_seen = guest_seen,
                                              .guest_gone = guest_gone,
                                              .source_up = source_up,
                                              .source_down = source_down};
    char path[128], name[64];
    const struct source_config config = {
        .kind = SOURCE_SOCKET,
        .socket = {.path = path, .guest_name = name, .use = SOCKET_KEPT}};

    snprintf(path, sizeof(path), "%s/%s", world->folder, below);
    snprintf(name, sizeof(name), "%s", guest_name);
    listener.context = world;
    world->source =
        source_socket.start(&config, &world->loop, world->mailbox, &listener);
}

static void
expect(struct world *world, const char *heard)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (strlen(world->heard) < strlen(heard) && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_string_equal(world->heard, heard);
    world->heard[0] = '\0';
}

static int
listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void
test_guests_come_and_go(void **state)
{
    struct world *world = *state;
    int first = listen_at("vm-1.qga");

    close(listen_at("vm-2.qga")); /* nobody listens any more */
    start(world, "*.qga", "([^/]+)[.]qga$");
    expect(world, "came vm-1;silent vm-2;up ;");
    int third = listen_at("coming"); /* seen when somebody listens */

    assert_int_equal(rename("coming", "vm-3.qga"), 0);

    expect(world, "came vm-3;");
    assert_int_equal(unlink("vm-1.qga"), 0);
    expect(world, "gone vm-1.qga;");
    struct source_figures figures = source_socket.figures(world->source);

    assert_true(figures.has_sockets && !figures.has_lanes);
    assert_int_equal(figures.sockets_beyond, 0);
    assert_true(source_socket.capacity(world->source).calls >= 1000);
    close(first);
    close(third);
}

static void
test_a_folder_that_comes_late(void **state)
{
    struct world *world = *state;

    start(world, "late/*.qga", "([^/]+)[.]qga$");
    expect(world, "down no folder;");
    assert_int_equal(mkdir("late", 0700), 0);
    expect(world, "up ;");
}

static void
test_sockets_that_are_left_alone(void **state)
{
    struct world *world = *state;
    int libvirt, other, named;

    assert_int_equal(mkdir("channel", 0700), 0);
    assert_int_equal(mkdir("channel/12-web", 0700), 0);
    assert_int_equal(mkdir("channel/target", 0700), 0);
    /* libvirt's own, as a container may have mounted its folder, ... */
    libvirt = listen_at("channel/12-web/org.qemu.guest_agent.0");
    other = listen_at("channel/target/unnamed"); /* ... and one without a name. */
    named = listen_at("channel/target/vm-7");
    start(world, "channel/*/*", "(vm-[0-9]+|org.*)$");
    expect(world, "came vm-7;up ;");
    close(libvirt);
    close(other);
    close(named);
}

/* A name that led to an agent leads to libvirt's own channel for a while. */
static void
test_a_link_that_leads_elsewhere(void **state)
{
    struct world *world = *state;
    int agent = listen_at("real"), libvirt;

    assert_int_equal(mkdir("channel", 0700) | mkdir("channel/1-web", 0700), 0);
    libvirt = listen_at("channel/1-web/org.qemu.guest_agent.0");
    assert_int_equal(symlink("real", "web.qga"), 0);
    start(world, "*.qga", "([^/]+)[.]qga$");
    expect(world, "came web;up ;");
    assert_int_equal(symlink("channel/1-web/org.qemu.guest_agent.0", "new"), 0);
    assert_int_equal(rename("new", "web.qga"), 0);
    expect(world, "gone web.qga;");
    assert_int_equal(fcntl(libvirt, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(accept(libvirt, NULL, NULL), -1); /* nobody has come */
    assert_int_equal(symlink("real", "new") | rename("new", "web.qga"), 0);
    expect(world, "came web;");
    close(agent);
    close(libvirt);
}

/* --- calls --- */

static void
note_done(struct call *call)
{
    ((struct world *)call->context)->done++;
}

static void
run_until_readable(struct world *world, int fd, char *bytes, size_t size)
{
    ssize_t length;
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while ((length = recv(fd, bytes, size - 1, MSG_DONTWAIT)) < 0 &&
           clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_true(length > 0);
    bytes[length] = '\0';
}

static void
test_a_call_goes_to_its_guest(void **state)
{
    struct world *world = *state;
    int listener = listen_at("vm-1.qga"), other = listen_at("vm-2.qga");
    char key[64], bytes[512], answer[64];
    struct call call = {.guest_key = key,
                        .request = {.command = "guest-get-time"},
                        .timeout_ns = PATIENCE_NS,
                        .reply_bytes_max = 4096,
                        .done = note_done,
                        .context = world};

    start(world, "*.qga", "([^/]+)[.]qga$");
    expect(world, "came vm-1;came vm-2;up ;");
    int peer = accept(listener, NULL, NULL);

    snprintf(key, sizeof(key), "%s/vm-1.qga", world->folder);
    source_socket.call(world->source, &call);
    assert_int_equal(source_socket.stage(world->source, &call), CALL_RUNS);
    run_until_readable(world, peer, bytes, sizeof(bytes)); /* the sync comes first */
    snprintf(answer, sizeof(answer), "\xff{\"return\": %lld}\n",
             strtoll(strstr(bytes, "\"id\":") + 5, NULL, 10));
    assert_int_equal(send(peer, answer, strlen(answer), 0), strlen(answer));
    run_until_readable(world, peer, bytes, sizeof(bytes));
    assert_string_equal(bytes, "{\"execute\":\"guest-get-time\"}\n");
    assert_int_equal(send(peer, "{\"return\": 1}\n", 14, 0), 14);
    for (int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
         world->done == 0 && clock_monotonic_ns() < end_ns;)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->done, 1);
    assert_string_equal(call.answer.reply, "{\"return\": 1}");
    free(call.answer.reply);

    /* One in flight is not answered any more at the end. */
    source_socket.call(world->source, &call);
    stop(world);
    assert_int_equal(world->done, 1);
    close(peer);
    close(listener);
    close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guests_come_and_go),          TEST(test_a_folder_that_comes_late),
        TEST(test_sockets_that_are_left_alone), TEST(test_a_link_that_leads_elsewhere),
        TEST(test_a_call_goes_to_its_guest),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("socket source", tests, NULL, NULL);
}
