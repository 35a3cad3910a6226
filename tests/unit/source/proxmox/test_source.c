/* The Proxmox VE source: what it announces of a host that is played. */
#include "source/source.h"

#include "base/clock.h"
#include "base/mailbox.h"
#include "config/config.h"

#include <uv.h>

#include "unit/source/proxmox/host.h"

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

struct world {
    struct host host;
    uv_loop_t loop;
    uv_timer_t tick; /* so that the loop never waits for long */
    struct mailbox *mailbox;
    struct source *source;
    struct source_listener listener;
    char heard[2048];
};

static void
note(struct world *world, const char *what, const char *name)
{
    size_t length = strlen(world->heard);

    snprintf(world->heard + length, sizeof(world->heard) - length, "%s %s;", what,
             name);
}

static const char *
word_of(const struct guest_facts *facts)
{
    static const char *const channels[] = {
        [CHANNEL_ABSENT] = "bare",         [CHANNEL_UNUSABLE] = "unusable",
        [CHANNEL_DISCONNECTED] = "silent", [CHANNEL_CONNECTED] = "there",
        [CHANNEL_UNKNOWN] = "unknown",
    };

    if (facts->opted_out)
        return "off";
    if (facts->domain != DOMAIN_RUNNING)
        return facts->domain == DOMAIN_PAUSED ? "paused" : "migrates";
    return facts->agent_connected ? "came" : channels[facts->channel];
}

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    (void)source;
    assert_true(facts->channel_is_shared);
    assert_true(facts->incarnation > 0);
    assert_int_equal(!!facts->definition_error, facts->channel == CHANNEL_UNKNOWN);
    if (facts->just_started)
        note(context, "started", facts->key);
    note(context, word_of(facts), facts->name);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    (void)source;
    note(context, "gone", key);
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
    (void)source;
    note(context, "down", strrchr(why, ':') + 2);
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

    host_open(&world->host);
    uv_loop_init(&world->loop);
    world->mailbox = mailbox_new(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    world->listener = (struct source_listener){.guest_seen = guest_seen,
                                               .guest_gone = guest_gone,
                                               .source_up = source_up,
                                               .source_down = source_down,
                                               .context = world};
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    if (world->source)
        assert_true(
            source_proxmox.stop(world->source, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    host_close(&world->host);
    free(world);
    return 0;
}

static void
start(struct world *world, bool names, bool asks_undefined)
{
    const struct source_config config = {
        .kind = SOURCE_PROXMOX,
        .proxmox = {.sockets = world->host.sockets,
                    .pid_files = world->host.pid_files,
                    .configurations = world->host.configurations,
                    .names = names,
                    .ask_without_definition = asks_undefined}};

    world->source =
        source_proxmox.start(&config, &world->loop, world->mailbox, &world->listener);
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

/* Whatever else a look has seen that came between what the test does. */
static void
expect_in_turn(struct world *world, const char *first, const char *then)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    for (;;) {
        const char *found = strstr(world->heard, first);

        if (found && strstr(found, then))
            break;
        if (clock_monotonic_ns() >= end_ns)
            fail_msg("no \"%s\" and then \"%s\" in: %s", first, then, world->heard);
        uv_run(&world->loop, UV_RUN_ONCE);
    }
    world->heard[0] = '\0';
}

static void
test_guests_come_and_go(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;
    int first, second;

    host_configure(host, "100", "name: web\nagent: 1\n");
    host_configure(host, "101", "name: db\n");
    host_configure(host, "102", "name: mail\nagent: 1\n");
    first = host_listen(host, "100");
    host_start(host, "100", NULL);
    pid_t pid = host_start(host, "101", NULL);

    start(world, false, false);
    expect(world, "came 100;bare 101;up ;");
    host_start(host, "102", NULL);
    expect(world, "started 102;bare 102;");
    second = host_listen(host, "102");
    expect(world, "came 102;");
    host_remove(host->sockets, "102.qga");
    expect(world, "bare 102;");
    host_configure(host, "100", "name: web\nagent: 1\ntags: qga-exporter-off\n");
    expect(world, "off 100;");
    host_configure(host, "100", "lock: migrate\n");
    expect(world, "migrates 100;");
    host_end(host, pid);
    expect(world, "gone 101;");
    struct source_figures figures = source_proxmox.figures(world->source);

    assert_true(figures.has_sockets && !figures.has_lanes);
    assert_int_equal(figures.sockets_beyond, 0);
    assert_true(source_proxmox.capacity(world->source).calls >= 1000);
    close(first);
    close(second);
}

static void
test_a_guest_that_starts_anew(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;
    int fd = host_listen(host, "100");

    host_configure(host, "100", "name: web\n");
    pid_t pid = host_start(host, "100", NULL);

    start(world, false, false);
    expect(world, "came 100;up ;");
    host_remove(host->sockets, "100.qga");
    close(fd);
    fd = host_listen(host, "100");
    host_end(host, pid);
    host_pid_file(host, "100", host_process(host, "/usr/bin/kvm", "100", NULL));
    expect_in_turn(world, "started 100;", "came 100;");
    close(fd);
}

static void
test_names(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    host_configure(host, "100", "name: web\n");
    host_configure(host, "101", "name: web\n");
    host_configure(host, "9", "ostype: l26\n");
    pid_t pid = host_start(host, "100", NULL);

    host_start(host, "101", NULL);
    host_start(host, "9", NULL);
    start(world, true, false);
    expect(world, "bare 9;bare web;bare web~101;up ;");
    /* Kept, also when the name is free. */
    host_end(host, pid);
    expect(world, "gone 100;");
    host_configure(host, "101", "name: web\ntags: a\n");
    expect(world, "bare web~101;");
    host_configure(host, "9", "name: web\n");
    expect(world, "bare web;");
}

static void
test_a_configuration_that_is_not_known(void **state)
{
    struct world *world = *state;
    int fd = host_listen(&world->host, "100");

    host_configure(&world->host, "100", "name: cut");
    host_start(&world->host, "100", NULL);
    start(world, false, false);
    expect(world, "unknown 100;up ;");
    host_configure(&world->host, "100", "name: whole\n");
    expect(world, "came 100;");
    /* What was known holds. */
    host_configure(&world->host, "100", "name: cut");
    expect(world, "there 100;");
    close(fd);
}

static void
test_one_that_is_asked_all_the_same(void **state)
{
    struct world *world = *state;
    int fd = host_listen(&world->host, "100");

    host_start(&world->host, "100", NULL);
    start(world, false, true);
    expect(world, "came 100;up ;");
    close(fd);
}

/* The folder goes: what is known of guests is told anew when it is back. */
static void
test_a_folder_that_comes_and_goes(void **state)
{
    struct world *world = *state;
    char away[256];

    host_configure(&world->host, "100", "name: web\n");
    host_start(&world->host, "100", NULL);
    start(world, false, false);
    expect(world, "bare 100;up ;");
    snprintf(away, sizeof(away), "%s/away", world->host.folder);
    assert_int_equal(rename(world->host.pid_files, away), 0);
    expect_in_turn(world, "down ", "No such file or directory;");
    assert_int_equal(rename(away, world->host.pid_files), 0);
    expect(world, "bare 100;up ;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guests_come_and_go),
        TEST(test_a_guest_that_starts_anew),
        TEST(test_names),
        TEST(test_a_configuration_that_is_not_known),
        TEST(test_one_that_is_asked_all_the_same),
        TEST(test_a_folder_that_comes_and_goes),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("proxmox source", tests, NULL, NULL);
}
