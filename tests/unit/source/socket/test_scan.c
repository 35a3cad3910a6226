/* Sockets that come, go and are made anew, in folders that do so too. */
#include "source/socket/scan.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

/* Only ends a test that hangs. */
#define PATIENCE_NS (INT64_C(60) * 1000 * 1000 * 1000)
#define HOUR_MS 3600000
#define SOCKETS_MAX 3

struct world {
    uv_loop_t loop;
    uv_timer_t tick; /* so that the loop never waits for long */
    struct socket_scan *scan;
    char folder[32];
    char events[4096]; /* "+a.sock;" found, "*" remade, "~" touched, "-" lost */
    int looks;
    size_t beyond;
    char trouble[512]; /* of the last look; "" for none */
};

static void
note(struct world *world, char what, const char *path)
{
    size_t length = strlen(world->events);

    assert_memory_equal(path, world->folder, strlen(world->folder));
    snprintf(world->events + length, sizeof(world->events) - length, "%c%s;", what,
             path + strlen(world->folder) + 1);
}

static void
found(void *context, const char *path)
{
    note(context, '+', path);
}

static void
remade(void *context, const char *path)
{
    note(context, '*', path);
}

static void
touched(void *context, const char *path)
{
    note(context, '~', path);
}

static void
lost(void *context, const char *path)
{
    note(context, '-', path);
}

static void
looked(void *context, const char *trouble, size_t beyond)
{
    struct world *world = context;

    world->looks++;
    world->beyond = beyond;
    snprintf(world->trouble, sizeof(world->trouble), "%s", trouble ? trouble : "");
}

/* What the kernel does not tell does not come out. */
static const struct socket_scan_pace told = {
    .often_ms = HOUR_MS, .seldom_ms = HOUR_MS, .sockets_max = SOCKETS_MAX};
/* ... but where it cannot. */
static const struct socket_scan_pace untold = {
    .often_ms = 50, .seldom_ms = HOUR_MS, .sockets_max = SOCKETS_MAX};

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    strcpy(world->folder, "/tmp/test_scan.XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    assert_int_equal(chdir(world->folder), 0);
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;
    char command[64];

    if (world->scan)
        socket_scan_stop(world->scan);
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
await_look(struct world *world, int looks)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (world->looks < looks && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_true(world->looks >= looks);
}

static void
start_with(struct world *world, const char *pattern,
           const struct socket_scan_pace *pace)
{
    char whole[256];
    const struct socket_scan_listener listener = {
        .found = found,
        .remade = remade,
        .touched = touched,
        .lost = lost,
        .looked = looked,
        .context = world,
    };

    snprintf(whole, sizeof(whole), "%s/%s", world->folder, pattern);
    world->scan = socket_scan_start(&world->loop, whole, pace, &listener);
    await_look(world, world->looks + 1);
}

static void
start(struct world *world, const char *pattern)
{
    start_with(world, pattern, &told);
}

/* Runs the loop until the events since the last time are these. */
static void
expect(struct world *world, const char *events)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (strlen(world->events) < strlen(events) && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_string_equal(world->events, events);
    world->events[0] = '\0';
}

static void
make_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
    close(fd);
}

static void
make_folder(const char *name)
{
    assert_int_equal(mkdir(name, 0700), 0);
}

/* What cannot be seen for want of a file descriptor is not gone. */
static void
test_no_file_descriptor_loses_nothing(void **state)
{
    struct world *world = *state;
    struct rlimit limit, none;
    int next = dup(0);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    close(next);
    make_socket("a.sock");
    start_with(world, "*.sock", &untold);
    expect(world, "+a.sock;");
    none = limit;
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(chmod("a.sock", 0600), 0);
    await_look(world, world->looks + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_string_equal(world->events, "");
    assert_int_equal(chmod("a.sock", 0700), 0);
    expect(world, "~a.sock;");
}

static void
test_sockets_come_and_go(void **state)
{
    struct world *world = *state;

    make_socket("a.sock");
    start(world, "*.sock");
    expect(world, "+a.sock;");
    assert_string_equal(world->trouble, "");
    make_socket("b.sock");
    expect(world, "+b.sock;");
    unlink("a.sock");
    expect(world, "-a.sock;");
    make_socket("a.sock");
    expect(world, "+a.sock;");
    rename("a.sock", "c.sock");
    expect(world, "+c.sock;-a.sock;");
}

static void
test_made_anew_between_two_looks(void **state)
{
    struct world *world = *state;

    make_socket("a.sock");
    start(world, "*.sock");
    expect(world, "+a.sock;");
    make_socket("new");
    rename("new", "a.sock");
    expect(world, "*a.sock;");
    chmod("a.sock", 0600);
    expect(world, "~a.sock;");
}

static void
test_what_is_no_socket_is_left_alone(void **state)
{
    struct world *world = *state;

    make_folder("folder.sock");
    fclose(fopen("file.sock", "w"));
    assert_int_equal(mkfifo("fifo.sock", 0600), 0);
    assert_int_equal(symlink("nowhere", "dangling.sock"), 0);
    assert_int_equal(symlink("loop.sock", "loop.sock"), 0);
    make_socket("other.socket");
    make_socket(".hidden.sock");
    assert_int_equal(symlink("other.socket", "link.sock"), 0);
    start(world, "*.sock");
    expect(world, "+link.sock;");
    /* A file takes a socket's place. */
    rename("file.sock", "other.socket");
    make_socket("last.sock");
    expect(world, "+last.sock;-link.sock;");
}

static void
test_folders_come_and_go(void **state)
{
    struct world *world = *state;

    start(world, "vms/*/agent.sock");
    assert_non_null(strstr(world->trouble, "no folder fits the pattern"));
    make_folder("vms");
    make_folder("vms/1");
    make_socket("vms/1/agent.sock");
    expect(world, "+vms/1/agent.sock;");
    assert_string_equal(world->trouble, "");
    make_folder("vms/2");
    await_look(world, world->looks + 1); /* it is watched when it is empty, too */
    make_socket("vms/2/agent.sock");
    expect(world, "+vms/2/agent.sock;");
    rename("vms/2", "vms/3");
    expect(world, "+vms/3/agent.sock;-vms/2/agent.sock;");
    rename("vms", "gone");
    int looks = world->looks;

    expect(world, "-vms/1/agent.sock;-vms/3/agent.sock;");
    await_look(world, looks + 1); /* `lost` comes within it */
    assert_non_null(strstr(world->trouble, "no folder fits the pattern"));
}

/* A folder whose own name is fixed, below one whose name is not. */
static void
test_a_folder_below_a_pattern(void **state)
{
    struct world *world = *state;

    start(world, "*/run/*.sock");
    make_folder("late");
    make_folder("late/run");
    make_socket("late/run/a.sock");
    expect(world, "+late/run/a.sock;");
    make_folder("later");
    make_folder("later/run");
    make_socket("later/run/b.sock");
    expect(world, "+later/run/b.sock;");
}

/* The new folder may have the old one's inode number. */
static void
test_a_folder_made_anew(void **state)
{
    struct world *world = *state;

    make_folder("run");
    start(world, "run/*.sock");
    for (int i = 0; i < 3; i++) {
        make_socket("run/a.sock");
        expect(world, "+run/a.sock;");
        unlink("run/a.sock");
        rmdir("run");
        make_folder("run");
        expect(world, "-run/a.sock;");
    }
}

static void
test_braces(void **state)
{
    struct world *world = *state;

    make_folder("a");
    make_folder("b");
    make_socket("a/1.sock");
    start(world, "{a,b,c}/{.,deep}/*.{sock,qga}");
    expect(world, "+a/./1.sock;");
    make_socket("b/2.qga");
    expect(world, "+b/./2.qga;");
    make_socket("b/2.other");
    make_folder("a/deep");
    make_socket("a/deep/3.sock");
    expect(world, "+a/deep/3.sock;");
}

/* Braces with a slash inside have no folder: looked at often enough. */
static void
test_braces_over_a_slash(void **state)
{
    struct world *world = *state;

    make_folder("a");
    make_folder("b");
    make_socket("a/1.sock");
    start_with(world, "{a/*,b/*}.sock", &untold);
    expect(world, "+a/1.sock;");
    make_socket("b/2.sock");
    expect(world, "+b/2.sock;");
}

static void
test_a_pattern_without_wildcards(void **state)
{
    struct world *world = *state;

    start(world, "a.sock");
    assert_string_equal(world->trouble, "");
    make_socket("a.sock");
    expect(world, "+a.sock;");
}

static void
test_a_folder_that_is_denied(void **state)
{
    struct world *world = *state;

    uid_t own = geteuid();

    make_folder("secret");
    make_socket("secret/a.sock");
    chmod(".", 0755);
    if (own != 0)
        chmod("secret", 0);
    else if (setresuid(65534, 65534, 0) != 0)
        skip();
    start_with(world, "secret/*.sock", &untold);
    if (own == 0)
        assert_int_equal(setresuid(0, 0, 0), 0);
    assert_string_equal(world->events, "");
    assert_non_null(strstr(world->trouble, "let the exporter's user read and search"));
    chmod("secret", 0755);
    expect(world, "+secret/a.sock;");
    assert_string_equal(world->trouble, "");
}

static void
test_more_than_there_may_be(void **state)
{
    struct world *world = *state;

    make_socket("a.sock");
    make_socket("b.sock");
    make_socket("c.sock");
    make_socket("d.sock");
    make_socket("e.sock");
    start(world, "*.sock");
    expect(world, "+a.sock;+b.sock;+c.sock;");
    assert_int_equal(world->beyond, 2);
    int looks = world->looks;

    unlink("a.sock");
    expect(world, "-a.sock;");
    await_look(world, looks + 1); /* `lost` comes within it */
    make_socket("f.sock");
    expect(world, "+d.sock;");
    await_look(world, looks + 2); /* `found` comes within it */
    assert_int_equal(world->beyond, 2);
}

/* An agent serves one client, so two paths to its socket would keep each other out. */
static void
test_two_paths_to_one_socket(void **state)
{
    struct world *world = *state;

    make_socket("b.sock");
    assert_int_equal(symlink("b.sock", "c.sock"), 0);
    assert_int_equal(link("b.sock", "d.sock"), 0);
    start(world, "{.,../test_scan*}/*.sock");
    expect(world, "+./b.sock;");
    /* Another one before it changes nothing. */
    assert_int_equal(symlink("b.sock", "a.sock"), 0);
    await_look(world, world->looks + 1);
    assert_string_equal(world->events, "");
    unlink("b.sock");
    expect(world, "+./d.sock;-./b.sock;");
}

static void
test_stop_at_any_time(void **state)
{
    struct world *world = *state;
    const struct socket_scan_listener listener = {.looked = looked, .context = world};

    socket_scan_stop(socket_scan_start(&world->loop, "/tmp/*", &told, &listener));
    make_folder("a");
    make_folder("b");
    make_socket("a/1.sock");
    start(world, "a/*.sock");
    make_socket("a/2.sock"); /* an event that is not read any more */
    socket_scan_stop(world->scan);
    start(world, "b/*.sock");
    make_socket("b/3.sock"); /* comes later, and after as long a wait */
    expect(world, "+a/1.sock;+b/3.sock;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_file_descriptor_loses_nothing),
        TEST(test_sockets_come_and_go),
        TEST(test_made_anew_between_two_looks),
        TEST(test_what_is_no_socket_is_left_alone),
        TEST(test_folders_come_and_go),
        TEST(test_a_folder_below_a_pattern),
        TEST(test_a_folder_made_anew),
        TEST(test_braces),
        TEST(test_braces_over_a_slash),
        TEST(test_a_pattern_without_wildcards),
        TEST(test_a_folder_that_is_denied),
        TEST(test_more_than_there_may_be),
        TEST(test_two_paths_to_one_socket),
        TEST(test_stop_at_any_time),
    };

    return cmocka_run_group_tests_name("socket scan", tests, NULL, NULL);
}
