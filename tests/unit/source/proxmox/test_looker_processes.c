/* Processes whose command lines do not come: each costs one look, and no more. */
#include "source/proxmox/looker.h"

#include "base/clock.h"
#include "base/mailbox.h"

#include <uv.h>

#include "unit/source/proxmox/host.h"
#include "unit/source/qemu/held_process.h"

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

static struct host host;
static uv_loop_t loop;
static uv_timer_t tick; /* so that the loop never waits for long */
static struct mailbox *mailbox;
static struct proxmox_looker *looker;
static unsigned int done;
static char seen_last[256]; /* names, or numbers of those that are not known */

static void
ticked(uv_timer_t *timer)
{
    (void)timer;
}

static void
note(void *context, const struct proxmox_seen *seen)
{
    size_t length = 0;

    (void)context;
    done++;
    seen_last[0] = '\0';
    for (const struct proxmox_guest *guest = seen->guests;
         guest < seen->guests + seen->count; guest++)
        length += (size_t)snprintf(seen_last + length, sizeof(seen_last) - length,
                                   "%s%s ", guest->is_unread ? "?" : "",
                                   guest->is_unread ? guest->vmid
                                                    : guest->configuration.name);
}

static int
set_up(void **state)
{
    (void)state;
    processes_reset();
    warnings = infos = 0;
    named[0] = '\0';
    done = 0;
    host_open(&host);
    uv_loop_init(&loop);
    mailbox = mailbox_new(&loop);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, ticked, 2, 2);
    looker = proxmox_looker_start(mailbox, &host.folders, note, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    assert_true(proxmox_looker_stop(looker, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_drain(mailbox);
    mailbox_close(mailbox);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    host_close(&host);
    return 0;
}

static void
add_guest(int number, const char *name)
{
    char vmid[16], text[64];

    snprintf(vmid, sizeof(vmid), "%d", number);
    snprintf(text, sizeof(text), "name: %s\n", name);
    host_configure(&host, vmid, text);
    host_pid_file(&host, vmid, number);
}

static void
release(pid_t pid)
{
    processes[pid].held = false;
    assert_int_equal(sem_post(&processes[pid].release), 0);
}

/* Looks, and looks again when that one is given up, until so many have come back. */
static void
look_until(unsigned int wanted)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    while (done < wanted && clock_monotonic_ns() < end_ns) {
        bool hangs = proxmox_looker_look(looker, clock_monotonic_ns());

        assert_false(hangs); /* the configurations do not */
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(done >= wanted);
}

static void
expect(const char *guests)
{
    look_until(done + 2); /* the first of them may have begun before */
    assert_string_equal(seen_last, guests);
}

/* When it is being read it has already taken too long. */
static void
give_up(unsigned int reads)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;

    assert_false(proxmox_looker_look(looker, clock_monotonic_ns()));
    while (processes[101].begun + processes[102].begun < reads &&
           clock_monotonic_ns() < end_ns)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(processes[101].begun + processes[102].begun, reads);
    assert_int_equal(done, 0);
    assert_int_equal(warnings, reads - 1);
    assert_false(proxmox_looker_look(looker, clock_monotonic_ns() + 11 * S));
    assert_int_equal(warnings, reads);
}

static void
test_two_that_hang(void **state)
{
    (void)state;
    for (int number = 100; number < 104; number++)
        add_guest(number, number == 100 ? "first" : number == 103 ? "last" : "held");
    processes[101].held = processes[102].held = true;
    give_up(1);
    give_up(2);
    expect("first ?101 ?102 last ");
    assert_true(strcmp(named, "101 101;102 102;") == 0 ||
                strcmp(named, "102 102;101 101;") == 0);
    /* What changes is seen, and what hangs is not touched again. */
    add_guest(104, "new");
    host_configure(&host, "100", "name: other\n");
    host_remove(host.pid_files, "103.pid");
    expect("other ?101 ?102 new ");
    look_until(done + 20);
    assert_int_equal(processes[101].begun + processes[102].begun, 2);
    assert_int_equal(warnings, 2);

    /* One comes back, and the other one ends. */
    assert_int_equal(infos, 0);
    release(101);
    while (infos == 0)
        uv_run(&loop, UV_RUN_ONCE);
    expect("other held ?102 new ");
    host_remove(host.pid_files, "102.pid");
    expect("other held new ");
    release(102);
    while (infos == 1)
        uv_run(&loop, UV_RUN_ONCE);
    expect("other held new ");
    assert_int_equal(warnings, 2);
}

/* A guest that is known is not read again, whatever its process does. */
static void
test_one_that_hangs_later(void **state)
{
    (void)state;
    add_guest(101, "held");
    expect("held ");
    processes[101].held = true;
    expect("held ");
    assert_int_equal(processes[101].begun, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_that_hang),
        TEST(test_one_that_hangs_later),
    };

    return cmocka_run_group_tests_name("proxmox looker and processes", tests, NULL,
                                       NULL);
}
