/* Which guests run, by pid files and real processes. */
#include "source/proxmox/inventory.h"

#include "source/qemu/reads.h"

#include <sys/resource.h>

#include "unit/source/proxmox/host.h"

#define WEB "name: web\nagent: 1\ntags: a\n"

struct world {
    struct host host;
    struct qemu_reads *reads;
    struct proxmox_inventory *inventory;
    bool without_configurations;
    struct proxmox_seen seen;
};

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    host_open(&world->host);
    world->reads = qemu_reads_new();
    world->inventory = proxmox_inventory_new(&world->host.folders, world->reads);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    proxmox_seen_clear(&world->seen);
    proxmox_inventory_free(world->inventory);
    qemu_reads_free(world->reads);
    host_close(&world->host);
    free(world);
    return 0;
}

static size_t
look(struct world *world)
{
    proxmox_seen_clear(&world->seen);
    proxmox_inventory_look(world->inventory, world->without_configurations,
                           &world->seen);
    return world->seen.count;
}

static const struct proxmox_guest *
only(const struct world *world)
{
    assert_int_equal(world->seen.count, 1);
    return &world->seen.guests[0];
}

static void
test_guests_that_run(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    assert_int_equal(look(world), 0);
    assert_string_equal(world->seen.trouble, "");
    host_configure(host, "100", WEB);
    host_configure(host, "99", "name: off\n");
    pid_t pid = host_start(host, "100", "-S");

    host_start(host, "20", NULL);
    assert_int_equal(look(world), 2);
    assert_string_equal(world->seen.guests[0].vmid, "20");
    assert_false(world->seen.guests[0].is_known);
    assert_true(world->seen.guests[0].is_missing);
    assert_non_null(strstr(world->seen.guests[0].error, "20.conf: No such file"));
    const struct proxmox_guest *guest = &world->seen.guests[1];

    assert_string_equal(guest->vmid, "100");
    assert_true(guest->is_known && guest->is_stopped && !guest->is_incoming);
    assert_true(guest->started > 0);
    assert_int_equal(guest->pid, pid);
    assert_int_equal(guest->socket.inode, 0);
    assert_string_equal(guest->error, "");
    assert_string_equal(guest->configuration.name, "web");
    assert_int_equal(guest->configuration.facts->vcpus.maximum, 2);
    /* Its process ends, and its pid file stays. */
    host_end(host, pid);
    assert_int_equal(look(world), 1);
    assert_string_equal(world->seen.guests[0].vmid, "20");
    host_remove(host->pid_files, "20.pid");
    assert_int_equal(look(world), 0);
}

static void
test_a_socket(void **state)
{
    struct world *world = *state;
    struct proxmox_file first;
    int fd;

    host_configure(&world->host, "100", WEB);
    host_start(&world->host, "100", NULL);
    host_write(world->host.sockets, "100.qga", "no socket");
    look(world);
    assert_int_equal(only(world)->socket.inode, 0);
    host_remove(world->host.sockets, "100.qga");
    fd = host_listen(&world->host, "100");
    look(world);
    first = only(world)->socket;
    assert_true(first.inode != 0);
    look(world);
    assert_true(proxmox_file_is_same(&first, &only(world)->socket));
    host_remove(world->host.sockets, "100.qga");
    close(fd);
    fd = host_listen(&world->host, "100");
    look(world);
    assert_false(proxmox_file_is_same(&first, &only(world)->socket));
    close(fd);
}

/* Files are read when they have changed; that of a configuration twice more, as its
 * time is of whole seconds. */
static void
test_what_is_read(void **state)
{
    struct world *world = *state;

    host_configure(&world->host, "100", WEB);
    host_start(&world->host, "100", NULL);
    look(world);
    assert_int_equal(world->seen.files_read, 2);
    look(world);
    look(world);
    assert_int_equal(world->seen.files_read, 1);
    look(world);
    assert_int_equal(world->seen.files_read, 0);
    host_configure(&world->host, "100", "name: other\n");
    look(world);
    assert_string_equal(only(world)->configuration.name, "other");
    assert_int_equal(world->seen.files_read, 1);
}

static void
test_pid_files_of_others(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    host_pid_file(host, "100", getpid());
    host_pid_file(host, "101", host_process(host, "/usr/bin/kvm", "7", NULL));
    host_pid_file(host, "102", host_process(host, "/usr/bin/perl", "102", NULL));
    host_pid_file(host, "103", 0);
    host_write(host->pid_files, "104.pid", "");
    host_write(host->pid_files, "105.pid", "12x\n");
    host_write(host->pid_files, "106.pid", "99999999999999999999\n");
    host_write(host->pid_files, "x.pid", "1\n");
    host_write(host->pid_files, "123456789012345.pid", "1\n");
    host_write(host->pid_files, "107.pid.tmp", "1\n");
    assert_int_equal(look(world), 0);
    /* A file is there before its number is. */
    host_pid_file(host, "104", host_process(host, "/usr/bin/kvm", "104", NULL));
    assert_int_equal(look(world), 1);
    assert_string_equal(only(world)->vmid, "104");
}

static void
test_another_process(void **state)
{
    struct world *world = *state;

    host_configure(&world->host, "100", WEB);
    pid_t first = host_start(&world->host, "100", NULL);

    look(world);
    assert_false(only(world)->is_incoming);
    host_end(&world->host, first);
    pid_t second = host_process(&world->host, "/usr/bin/kvm", "100", "-incoming");

    host_pid_file(&world->host, "100", second);
    look(world);
    assert_int_equal(only(world)->pid, second);
    /* Without its value that is no option. */
    assert_false(only(world)->is_incoming);
    assert_true(only(world)->is_known);
}

static void
expect_kept(struct world *world, const char *error)
{
    for (int i = 0; i < 4; i++) {
        look(world);
        if (!strstr(only(world)->error, error))
            fail_msg("not \"%s\" in: %s", error, only(world)->error);
        assert_true(only(world)->is_known);
        assert_string_equal(only(world)->configuration.name, "web");
    }
}

/* What was known holds; and when it is whole again it counts. */
static void
test_bad_configurations(void **state)
{
    static char large[(1 << 20) + 1], snapshots[sizeof(large)];
    struct world *world = *state;
    struct host *host = &world->host;

    host_configure(host, "100", WEB);
    host_start(host, "100", NULL);
    look(world);
    host_configure(host, "100", "name: web2\ntags: qga-exp");
    expect_kept(world, "cut");
    memset(large, '#', sizeof(large) - 1);
    host_configure(host, "100", large);
    expect_kept(world, "larger than 64 KiB");
    host_configure(host, "100", "");
    expect_kept(world, "empty");
    host_remove(host->configurations, "100.conf");
    expect_kept(world, "No such file");
    memcpy(snapshots, large, sizeof(large));
    memcpy(snapshots, "name: web3\n\n[a]\n", 16);
    host_configure(host, "100", snapshots);
    look(world);
    assert_string_equal(only(world)->error, "");
    assert_string_equal(only(world)->configuration.name, "web3");
    assert_int_equal(only(world)->configuration.strange, 0);
    host_configure(host, "100", "name: web4\nwhat\n");
    look(world);
    assert_string_equal(only(world)->configuration.name, "web4");
    assert_int_equal(only(world)->configuration.strange, 1);
}

/* While reading them hangs they are not touched. */
static void
test_without_configurations(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    host_configure(host, "100", WEB);
    host_configure(host, "101", "name: db\n");
    host_start(host, "100", NULL);
    assert_int_equal(look(world), 1);
    world->without_configurations = true;
    host_configure(host, "100", "name: other\n");
    host_start(host, "101", NULL);
    assert_int_equal(look(world), 2);
    assert_string_equal(world->seen.guests[0].configuration.name, "web");
    assert_string_equal(world->seen.guests[0].error, "");
    assert_false(world->seen.guests[1].is_known);
    assert_false(world->seen.guests[1].is_missing);
    assert_non_null(strstr(world->seen.guests[1].error, "101.conf: reading it hangs"));
    world->without_configurations = false;
    assert_int_equal(look(world), 2);
    assert_string_equal(world->seen.guests[0].configuration.name, "other");
    assert_string_equal(world->seen.guests[1].configuration.name, "db");
    assert_string_equal(world->seen.guests[1].error, "");
}

static void
make_readable(const char *folder, const char *name, mode_t mode)
{
    char path[2 * HOST_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(chmod(path, mode), 0);
}

/* By another user than root, whom alone Proxmox VE lets read them. */
static void
test_pid_files_that_are_denied(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    if (geteuid() != 0)
        skip();
    make_readable(host->folder, ".", 0755);
    make_readable(host->pid_files, ".", 0755);
    host_start(host, "100", NULL);
    host_start(host, "101", NULL);
    make_readable(host->pid_files, "100.pid", 0600);
    make_readable(host->pid_files, "101.pid", 0600);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(look(world), 0);
    assert_non_null(strstr(world->seen.trouble, "run the exporter as root"));
    assert_int_equal(look(world), 0); /* and it stays so */
    assert_string_not_equal(world->seen.trouble, "");
    assert_int_equal(seteuid(0), 0);
    /* One of them is another's. */
    make_readable(host->pid_files, "101.pid", 0644);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(look(world), 1);
    assert_string_equal(world->seen.trouble, "");
    assert_int_equal(seteuid(0), 0);
    host_remove(host->pid_files, "100.pid");
    host_remove(host->pid_files, "101.pid");
    assert_int_equal(look(world), 0);
    assert_string_equal(world->seen.trouble, "");
}

/* Likewise; what was read while it could be holds. */
static void
test_configurations_that_are_denied(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    if (geteuid() != 0)
        skip();
    make_readable(host->folder, ".", 0755);
    make_readable(host->pid_files, ".", 0755);
    make_readable(host->configurations, ".", 0755);
    host_configure(host, "100", WEB);
    host_start(host, "100", NULL);
    assert_int_equal(look(world), 1);
    host_configure(host, "100", "name: other\n");
    host_configure(host, "101", "name: db\n");
    host_start(host, "101", NULL);
    make_readable(host->configurations, "100.conf", 0600);
    make_readable(host->configurations, "101.conf", 0600);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(look(world), 2);
    assert_true(world->seen.guests[0].is_known);
    assert_string_equal(world->seen.guests[0].configuration.name, "web");
    assert_false(world->seen.guests[1].is_known);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(world->seen.guests[i].error, "Permission denied"));
    assert_int_equal(seteuid(0), 0);
}

static void
test_no_folder(void **state)
{
    struct world *world = *state;

    world->host.folders.pid_files = (char[]){"/nowhere"};
    assert_int_equal(look(world), 0);
    assert_string_equal(world->seen.trouble, "/nowhere: No such file or directory");
    assert_false(world->seen.is_blind);
}

/* The look that `more` files at once would be enough for, from what is open now. */
static void
look_with_files(struct world *world, unsigned int more)
{
    struct rlimit usual, few;
    int next = dup(0);

    assert_true(next >= 0);
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = (struct rlimit){(rlim_t)next + more, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    (void)look(world);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

static void
expect_blind(const struct world *world)
{
    assert_true(world->seen.is_blind);
    assert_int_equal(world->seen.count, 0);
    assert_non_null(strstr(world->seen.trouble, "Too many open files"));
}

/* Whether it can open its folder, and no file in it, or not even that: it tells of no
 * guest that it has gone, and forgets nothing. */
static void
test_want_of_files(void **state)
{
    struct world *world = *state;
    struct host *host = &world->host;

    host_configure(host, "100", WEB);
    host_configure(host, "101", "name: db\n");
    host_start(host, "100", NULL);
    look_with_files(world, 1); /* a pid file that was not read yet */
    expect_blind(world);
    look_with_files(world, 2);
    assert_string_equal(only(world)->configuration.name, "web");
    for (unsigned int more = 0; more < 2; more++) {
        look_with_files(world, more); /* /proc */
        expect_blind(world);
    }
    /* What comes or is another one meanwhile is read afterwards. */
    pid_t pid = host_process(host, "/usr/bin/kvm", "100", NULL);

    host_pid_file(host, "100", pid);
    host_start(host, "101", NULL);
    look_with_files(world, 1);
    expect_blind(world);
    assert_int_equal(look(world), 2);
    assert_false(world->seen.is_blind);
    assert_int_equal(world->seen.guests[0].pid, pid);
    assert_string_equal(world->seen.guests[0].configuration.name, "web");
    assert_string_equal(world->seen.guests[1].configuration.name, "db");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guests_that_run),
        TEST(test_a_socket),
        TEST(test_what_is_read),
        TEST(test_pid_files_of_others),
        TEST(test_another_process),
        TEST(test_bad_configurations),
        TEST(test_without_configurations),
        TEST(test_no_folder),
        TEST(test_want_of_files),
        TEST(test_pid_files_that_are_denied),
        TEST(test_configurations_that_are_denied),
    };

    return cmocka_run_group_tests_name("proxmox inventory", tests, NULL, NULL);
}
