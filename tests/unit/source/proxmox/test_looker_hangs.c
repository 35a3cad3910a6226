/* A look that hangs, as the cluster's file system may: others are taken meanwhile,
 * without the configurations, and what it has seen is old when it comes back. */
#include "source/proxmox/looker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

/* Instead of the inventory: its first two looks with configurations wait. */
static atomic_uint looks, whole; /* all, and those with configurations */
static atomic_bool blind;
static sem_t release;

struct proxmox_inventory {
    int nothing;
};

struct proxmox_inventory *
proxmox_inventory_new(const struct proxmox_folders *folders, struct qemu_reads *reads)
{
    (void)folders;
    (void)reads;
    return calloc(1, sizeof(struct proxmox_inventory));
}

void
proxmox_inventory_free(struct proxmox_inventory *inventory)
{
    free(inventory);
}

void
proxmox_inventory_look(struct proxmox_inventory *inventory, bool without_configurations,
                       struct proxmox_seen *seen)
{
    unsigned int number = atomic_fetch_add(&looks, 1) + 1;

    (void)inventory;
    if (!without_configurations && atomic_fetch_add(&whole, 1) < 2)
        assert_int_equal(sem_wait(&release), 0);
    *seen = (struct proxmox_seen){.beyond = number, .is_blind = atomic_load(&blind)};
}

void
proxmox_seen_clear(struct proxmox_seen *seen)
{
    (void)seen;
}

struct world {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct proxmox_looker *looker;
    uv_timer_t tick; /* so that the loop never waits for long */
    int done;
    size_t last;
};

static void
note(void *context, const struct proxmox_seen *seen)
{
    struct world *world = context;

    world->done++;
    world->last = seen->beyond;
}

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

/* Instead of the log. */
static unsigned int warnings, infos;

void
log_write(enum log_level level, const char *source_file, int source_line,
          const char *message, ...)
{
    (void)source_file;
    (void)source_line;
    (void)message;
    warnings += level == LOG_WARN;
    infos += level == LOG_INFO;
}

static void
run_until(struct world *world, unsigned int looked, int done)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while ((atomic_load(&looks) < looked || world->done < done) &&
           clock_monotonic_ns() < end_ns)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(atomic_load(&looks), looked);
    assert_int_equal(world->done, done);
}

static void
open_world(struct world *world)
{
    static char folder[] = "/nowhere";
    const struct proxmox_folders folders = {folder, folder, folder};

    *world = (struct world){.done = 0};
    atomic_store(&looks, 0);
    atomic_store(&whole, 0);
    warnings = infos = 0;
    assert_int_equal(sem_init(&release, 0, 0), 0);
    uv_loop_init(&world->loop);
    world->mailbox = mailbox_new(&world->loop);
    uv_timer_init(&world->loop, &world->tick);
    uv_timer_start(&world->tick, ticked, 2, 2);
    world->looker = proxmox_looker_start(world->mailbox, &folders, note, world);
}

static void
close_world(struct world *world)
{
    assert_true(proxmox_looker_stop(world->looker, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_drain(world->mailbox);
    mailbox_close(world->mailbox);
    uv_close((uv_handle_t *)&world->tick, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    assert_int_equal(sem_destroy(&release), 0);
}

static void
test_one_that_hangs(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);

    int64_t now_ns = clock_monotonic_ns();

    assert_false(proxmox_looker_look(world.looker, now_ns));
    run_until(&world, 1, 0);
    /* It is waited for, and then no more. */
    assert_false(proxmox_looker_look(world.looker, now_ns + 5 * S));
    now_ns = clock_monotonic_ns() + 11 * S;
    assert_true(proxmox_looker_look(world.looker, now_ns));
    run_until(&world, 2, 1);
    assert_int_equal(world.last, 2);
    assert_true(proxmox_looker_look(world.looker, now_ns + 59 * S));
    run_until(&world, 3, 2);
    assert_int_equal(atomic_load(&whole), 1);
    /* One more thread tries the configurations, and then none. */
    assert_true(proxmox_looker_look(world.looker, now_ns + 60 * S));
    run_until(&world, 4, 2);
    assert_int_equal(atomic_load(&whole), 2);
    now_ns = clock_monotonic_ns() + 100 * S;
    assert_true(proxmox_looker_look(world.looker, now_ns));
    run_until(&world, 5, 3);
    assert_true(proxmox_looker_look(world.looker, now_ns + 1000 * S));
    run_until(&world, 6, 4);
    assert_int_equal(atomic_load(&whole), 2);
    assert_int_equal(world.last, 6);

    /* Those that come back have seen what is old; the next sees all. */
    assert_int_equal(sem_post(&release), 0);
    assert_int_equal(sem_post(&release), 0);
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (atomic_load(&whole) < 3 && clock_monotonic_ns() < end_ns) {
        (void)proxmox_looker_look(world.looker, clock_monotonic_ns());
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    assert_false(proxmox_looker_look(world.looker, clock_monotonic_ns()));
    close_world(&world);
}

/* What it cannot see has not gone: it is not told, and the log says so once. */
static void
test_one_that_is_blind(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    atomic_store(&whole, 2); /* none is to wait */
    atomic_store(&blind, true);
    for (int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
         atomic_load(&looks) < 3 && clock_monotonic_ns() < end_ns;) {
        assert_false(proxmox_looker_look(world.looker, clock_monotonic_ns()));
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    assert_int_equal(world.done, 0);
    assert_int_equal(warnings, 1);
    assert_int_equal(infos, 0);
    atomic_store(&blind, false);
    for (int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
         world.done < 2 && clock_monotonic_ns() < end_ns;) {
        assert_false(proxmox_looker_look(world.looker, clock_monotonic_ns()));
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    assert_int_equal(world.done, 2);
    assert_int_equal(warnings, 1);
    assert_int_equal(infos, 1);
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_hangs),
        cmocka_unit_test(test_one_that_is_blind),
    };

    return cmocka_run_group_tests_name("proxmox looker that hangs", tests, NULL, NULL);
}
