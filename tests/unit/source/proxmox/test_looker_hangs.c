/* A look that hangs, as the cluster's file system may: others are taken meanwhile, and
 * what it has seen is old when it comes back. */
#include "source/proxmox/looker.h"

#include "base/clock.h"
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

/* Instead of the inventory: its first look waits. */
static atomic_uint looks;
static sem_t release;

struct proxmox_inventory {
    int nothing;
};

struct proxmox_inventory *
proxmox_inventory_new(const struct proxmox_folders *folders)
{
    (void)folders;
    return calloc(1, sizeof(struct proxmox_inventory));
}

void
proxmox_inventory_free(struct proxmox_inventory *inventory)
{
    free(inventory);
}

void
proxmox_inventory_look(struct proxmox_inventory *inventory, struct proxmox_seen *seen)
{
    unsigned int number = atomic_fetch_add(&looks, 1) + 1;

    (void)inventory;
    if (number == 1)
        assert_int_equal(sem_wait(&release), 0);
    *seen = (struct proxmox_seen){.beyond = number};
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
test_one_that_hangs(void **state)
{
    char folder[] = "/nowhere";
    const struct proxmox_folders folders = {folder, folder, folder};
    struct world world = {.done = 0};

    (void)state;
    assert_int_equal(sem_init(&release, 0, 0), 0);
    uv_loop_init(&world.loop);
    world.mailbox = mailbox_new(&world.loop);
    uv_timer_init(&world.loop, &world.tick);
    uv_timer_start(&world.tick, ticked, 2, 2);
    world.looker = proxmox_looker_start(world.mailbox, &folders, note, &world);

    assert_false(proxmox_looker_look(world.looker, clock_monotonic_ns()));
    run_until(&world, 1, 0);
    /* It is waited for, and then no more. */
    assert_false(proxmox_looker_look(world.looker, clock_monotonic_ns() + 5 * S));
    assert_true(proxmox_looker_look(world.looker, clock_monotonic_ns() + 11 * S));
    run_until(&world, 2, 1);
    assert_int_equal(world.last, 2);

    assert_int_equal(sem_post(&release), 0);
    assert_false(proxmox_looker_look(world.looker, clock_monotonic_ns()));
    run_until(&world, 3, 2);
    assert_int_equal(world.last, 3);
    assert_true(proxmox_looker_stop(world.looker, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_close(world.mailbox);
    uv_close((uv_handle_t *)&world.tick, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    assert_int_equal(sem_destroy(&release), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_hangs),
    };

    return cmocka_run_group_tests_name("proxmox looker that hangs", tests, NULL, NULL);
}
