/* The folders of a pattern: whether there are any, and that their changes are told.
 * How sockets in them come and go is in test_scan. */
#include "source/socket/folders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

struct world {
    uv_loop_t loop;
    char folder[32], pattern[64];
    struct socket_folders *folders;
    int changes;
};

static void
note_change(void *context)
{
    ((struct world *)context)->changes++;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    snprintf(world->folder, sizeof(world->folder), "/tmp/test_folders.XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    assert_int_equal(chdir(world->folder), 0);
    snprintf(world->pattern, sizeof(world->pattern), "%s/vms/vm*/*.sock",
             world->folder);
    uv_loop_init(&world->loop);
    world->folders =
        socket_folders_new(&world->loop, world->pattern, note_change, world);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;
    char command[64];

    socket_folders_free(world->folders);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static void
await_change(struct world *world)
{
    world->changes = 0;
    while (world->changes == 0)
        uv_run(&world->loop, UV_RUN_ONCE);
}

static void
test_folders_come_and_go(void **state)
{
    struct world *world = *state;

    assert_int_equal(socket_folders_look(world->folders), SOCKET_FOLDERS_NONE);
    assert_int_equal(mkdir("other", 0700),
                     0); /* in the folder above, which is watched */
    await_change(world);
    assert_int_equal(socket_folders_look(world->folders), SOCKET_FOLDERS_NONE);
    assert_int_equal(mkdir("vms", 0700), 0);
    await_change(world);
    assert_int_equal(socket_folders_look(world->folders), SOCKET_FOLDERS_WATCHED);
    assert_int_equal(mkdir("vms/vm1", 0700), 0);
    await_change(world);
    assert_int_equal(socket_folders_look(world->folders), SOCKET_FOLDERS_WATCHED);
    fclose(fopen("vms/vm1/a.sock", "w"));
    await_change(world);
    assert_int_equal(unlink("vms/vm1/a.sock"), 0);
    assert_int_equal(rmdir("vms/vm1"), 0);
    assert_int_equal(rmdir("vms"), 0);
    await_change(world);
    assert_int_equal(socket_folders_look(world->folders), SOCKET_FOLDERS_NONE);
}

static void
test_files_are_no_folders(void **state)
{
    struct world *world = *state;

    fclose(fopen("vms", "w"));
    assert_int_equal(socket_folders_look(world->folders), SOCKET_FOLDERS_NONE);
}

static void
test_a_folder_that_is_denied(void **state)
{
    struct world *world = *state;

    uid_t own = geteuid();
    char denied[PATH_MAX] = "", expected[64];

    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(mkdir("vms", 0755), 0);
    assert_int_equal(mkdir("vms/vm1", 0755), 0);
    assert_int_equal(mkdir("vms/vm2", own == 0 ? 0700 : 0), 0);
    if (own == 0 && setresuid(65534, 65534, 0) != 0)
        skip();
    bool is_denied = socket_folders_denied(world->folders, denied);

    if (own == 0)
        assert_int_equal(setresuid(0, 0, 0), 0);
    snprintf(expected, sizeof(expected), "%s/vms/vm2", world->folder);
    assert_true(is_denied);
    assert_string_equal(denied, expected);
    assert_int_equal(chmod("vms/vm2", 0755), 0);
    assert_false(socket_folders_denied(world->folders, denied));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_folders_come_and_go),
        TEST(test_files_are_no_folders),
        TEST(test_a_folder_that_is_denied),
    };

    return cmocka_run_group_tests_name("folders", tests, NULL, NULL);
}
