/* Looks on a lane. */
#include "source/proxmox/looker.h"

#include "base/clock.h"
#include "base/mailbox.h"

#include <uv.h>

#include "unit/source/proxmox/host.h"

#define PATIENCE_NS                                                                    \
    (INT64_C(60) * 1000 * 1000 * 1000) /* only ends a test that hangs                  \
                                        */

struct world {
    struct host host;
    uv_loop_t loop;
    uv_timer_t tick; /* so that the loop never waits for long */
    struct mailbox *mailbox;
    struct proxmox_looker *looker;
    int done;
    size_t guests;
};

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

static void
note(void *context, const struct proxmox_seen *seen)
{
    struct world *world = context;

    world->done++;
    world->guests = seen->count;
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
    world->looker =
        proxmox_looker_start(world->mailbox, &world->host.folders, note, world);
    *state = world;
    return 0;
}

static void
stop(struct world *world)
{
    if (world->looker)
        assert_true(
            proxmox_looker_stop(world->looker, clock_monotonic_ns() + PATIENCE_NS));
    world->looker = NULL;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    stop(world);
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    host_close(&world->host);
    free(world);
    return 0;
}

static void
wait_for(struct world *world, int done)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (world->done < done && clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(world->done, done);
}

static void
test_one_at_a_time(void **state)
{
    struct world *world = *state;

    host_configure(&world->host, "100", "name: web\n");
    host_start(&world->host, "100", NULL);
    for (int i = 0; i < 5; i++)
        assert_false(proxmox_looker_look(world->looker, clock_monotonic_ns()));
    assert_int_equal(world->done, 0);
    wait_for(world, 1);
    assert_int_equal(world->guests, 1);
    assert_false(proxmox_looker_look(world->looker, clock_monotonic_ns()));
    wait_for(world, 2);
}

/* A pipe that nobody writes to is no configuration, and nothing to wait for. */
static void
test_what_is_no_file(void **state)
{
    struct world *world = *state;
    char path[256];

    host_start(&world->host, "100", NULL);
    snprintf(path, sizeof(path), "%s/100.conf", world->host.configurations);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(proxmox_looker_look(world->looker, clock_monotonic_ns()));
    wait_for(world, 1);
    assert_int_equal(world->guests, 1);
}

static void
test_nothing_comes_after_the_end(void **state)
{
    struct world *world = *state;

    (void)proxmox_looker_look(world->looker, clock_monotonic_ns());
    stop(world);
    mailbox_drain(world->mailbox);
    assert_int_equal(world->done, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_at_a_time),
        TEST(test_what_is_no_file),
        TEST(test_nothing_comes_after_the_end),
    };

    return cmocka_run_group_tests_name("proxmox looker", tests, NULL, NULL);
}
