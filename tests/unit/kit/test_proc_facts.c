/* Lines below /proc, as kernels write them and as a hostile guest may. */
#include "kit/proc_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int
setup(void **state)
{
    *state = calloc(1, sizeof(struct proc_facts));
    return !*state;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

/* 'r', 'w', or '?' if it is not known. */
static char
mounted(const struct proc_facts *facts, const char *mount_point)
{
    bool readonly;

    if (!proc_facts_is_readonly(facts, mount_point, &readonly))
        return '?';
    return readonly ? 'r' : 'w';
}

#define MOUNT(point, options, device, super)                                           \
    "36 35 98:0 / " point " " options " shared:1 master:7 - ext4 " device " " super "\n"

static void
mounts_are_read_only_by_themselves_or_their_filesystem(void **state)
{
    struct proc_facts *facts = *state;

    proc_facts_read_mounts(
        facts,
        MOUNT("/", "rw,relatime", "/dev/vda1", "rw") MOUNT("/bind", "ro,noatime",
                                                           "/dev/vda1", "rw")
            MOUNT("/broken", "rw", "/dev/vdb", "ro,errors=remount-ro")
                MOUNT("/rows", "rw,nosuid", "/dev/vdc", "rw,errors=remount-ro,crow"));
    assert_int_equal(mounted(facts, "/"), 'w');
    assert_int_equal(mounted(facts, "/bind"), 'r');
    assert_int_equal(mounted(facts, "/broken"), 'r');
    assert_int_equal(mounted(facts, "/rows"), 'w');
    assert_int_equal(mounted(facts, "/bin"), '?');
    assert_int_equal(mounted(facts, ""), '?');
    assert_int_equal(mounted(NULL, "/"), '?');
    assert_int_equal(proc_facts_left_out(facts), 0);
}

static void
what_has_no_device_is_no_filesystem_of_the_agent(void **state)
{
    struct proc_facts *facts = *state;

    proc_facts_read_mounts(facts,
                           "23 61 0:22 / /sys rw,nosuid - sysfs sysfs rw\n"
                           "24 61 0:5 / /dev rw - devtmpfs devtmpfs rw,size=4096k\n"
                           "25 61 253:0 / /home rw - xfs /dev/mapper/vg-home rw\n");
    assert_int_equal(mounted(facts, "/sys"), '?');
    assert_int_equal(mounted(facts, "/dev"), '?');
    assert_int_equal(mounted(facts, "/home"), 'w');
    assert_int_equal(proc_facts_left_out(facts), 0);
}

static void
escapes_are_as_the_kernel_writes_them(void **state)
{
    struct proc_facts *facts = *state;

    proc_facts_read_mounts(facts,
                           MOUNT("/a\\040b\\011c\\012d\\134e", "ro", "/dev/vdb", "rw")
                               MOUNT("/nul\\000x", "ro", "/dev/vdb", "rw")
                                   MOUNT("/end\\04", "ro", "/dev/vdb", "rw")
                                       MOUNT("/wide\\777", "ro", "/dev/vdb", "rw"));
    assert_int_equal(mounted(facts, "/a b\tc\nd\\e"), 'r');
    assert_int_equal(mounted(facts, "/nul\\000x"), 'r');
    assert_int_equal(mounted(facts, "/end\\04"), 'r');
    assert_int_equal(mounted(facts, "/wide\\777"), 'r');
}

static void
what_is_mounted_last_is_what_is_seen(void **state)
{
    struct proc_facts *facts = *state;

    proc_facts_read_mounts(facts, MOUNT("/srv", "rw", "/dev/vdb", "rw")
                                      MOUNT("/srv", "ro", "/dev/vdc", "ro"));
    assert_int_equal(mounted(facts, "/srv"), 'r');
    /* A reading takes the place of the one before. */
    proc_facts_read_mounts(facts, MOUNT("/srv", "rw", "/dev/vdb", "rw"));
    assert_int_equal(mounted(facts, "/srv"), 'w');
    proc_facts_read_mounts(facts, "");
    assert_int_equal(mounted(facts, "/srv"), '?');
}

static void
lines_of_mounts_that_are_none_are_counted(void **state)
{
    static const char *const lines[] = {
        "\n",
        "x\n",
        "36 35 98:0 / /srv\n",
        "36 35 98:0 / /srv ro\n",
        "36 35 98:0 / /srv ro - ext4 /dev/vdb\n",
        "36 35 98:0 / /srv ro shared:1 ext4 /dev/vdb rw\n",
    };
    struct proc_facts *facts = *state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        proc_facts_read_mounts(facts, lines[i]);
        assert_int_equal(proc_facts_left_out(facts), 1);
        assert_int_equal(mounted(facts, "/srv"), '?');
    }
}

/* A text of the head, `count` times a letter, and the tail. */
static char *
stretched(const char *head, size_t count, const char *tail)
{
    char *text = malloc(strlen(head) + count + strlen(tail) + 1);

    assert_non_null(text);
    memset(stpcpy(text, head), 'x', count);
    (void)stpcpy(text + strlen(head) + count, tail);
    return text;
}

static void
mounts_have_limits(void **state)
{
    const char *tail = " ro - ext4 /dev/vdb rw\n" MOUNT("/srv", "ro", "/dev/vdb", "rw");
    struct proc_facts *facts = *state;
    char *line = stretched("36 35 98:0 / /", 65536, tail);

    proc_facts_read_mounts(facts, line);
    assert_int_equal(proc_facts_left_out(facts), 1);
    assert_int_equal(mounted(facts, "/srv"), 'r');
    free(line);

    size_t bytes = 0, size = 800 * 128;
    char *text = calloc(1, size), point[64];
    assert_non_null(text);
    for (int i = 0; i < 800; i++)
        bytes += (size_t)snprintf(text + bytes, size - bytes,
                                  "36 35 98:0 / /%056d rw - ext4 /dev/vdb rw\n", i);
    proc_facts_read_mounts(facts, text);
    /* The mark, the mount point of 57 bytes, the NUL. */
    assert_int_equal(proc_facts_left_out(facts), 800 - PROC_MOUNTS_BYTES / 59);
    (void)snprintf(point, sizeof(point), "/%056d", 0);
    assert_int_equal(mounted(facts, point), 'w');
    (void)snprintf(point, sizeof(point), "/%056d", 799);
    assert_int_equal(mounted(facts, point), '?');
    free(text);
}

#define DEVICES_HEAD                                                                   \
    "Inter-|   Receive                            |  Transmit\n"                       \
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes\n"

static void
counters_are_those_of_the_agent(void **state)
{
    struct proc_facts *facts = *state;
    const double *counters;

    proc_facts_read_devices(facts, DEVICES_HEAD
                            "    lo:       0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
                            "enp1s0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
    assert_int_equal(proc_facts_left_out(facts), 0);
    assert_non_null(proc_facts_counters(facts, "lo"));
    counters = proc_facts_counters(facts, "enp1s0");
    assert_non_null(counters);
    static const double expected[PROC_COUNTERS] = {1, 2, 3, 4, 9, 10, 11, 12};
    for (size_t i = 0; i < PROC_COUNTERS; i++)
        assert_true(counters[i] == expected[i]);
    assert_null(proc_facts_counters(facts, "enp1s"));
    assert_null(proc_facts_counters(facts, ""));
    assert_null(proc_facts_counters(NULL, "lo"));
    proc_facts_read_devices(facts, "");
    assert_null(proc_facts_counters(facts, "lo"));
}

static void
lines_of_devices_that_are_none_are_counted(void **state)
{
    static const char *const lines[] = {
        "\n",
        "eth0\n",
        "eth0:\n",
        ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "a-name-of-16-bytes: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "eth0: 1 2 3 4 5 6 7 8 9 10 11\n",
        "eth0: -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "eth0: 1 2 3 nan 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "eth0: 1 2 3 0x4 5 6 7 8 9 10 11 12 13 14 15 16\n",
        "eth0: 1 2 3 4e400 5 6 7 8 9 10 11 12 13 14 15 16\n",
    };
    struct proc_facts *facts = *state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        proc_facts_read_devices(facts, lines[i]);
        assert_int_equal(proc_facts_left_out(facts), 1);
        assert_null(proc_facts_counters(facts, "eth0"));
    }
}

static void
devices_have_a_limit(void **state)
{
    struct proc_facts *facts = *state;
    size_t bytes = 0, size = 300 * 64;
    char *text = calloc(1, size);

    assert_non_null(text);
    for (int i = 0; i < 300; i++)
        bytes +=
            (size_t)snprintf(text + bytes, size - bytes,
                             "veth%d: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", i);
    proc_facts_read_devices(facts, text);
    assert_int_equal(proc_facts_left_out(facts), 300 - PROC_DEVICES_MAX);
    assert_non_null(proc_facts_counters(facts, "veth255"));
    assert_null(proc_facts_counters(facts, "veth256"));
    free(text);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(mounts_are_read_only_by_themselves_or_their_filesystem),
        TEST(what_has_no_device_is_no_filesystem_of_the_agent),
        TEST(escapes_are_as_the_kernel_writes_them),
        TEST(what_is_mounted_last_is_what_is_seen),
        TEST(lines_of_mounts_that_are_none_are_counted),
        TEST(mounts_have_limits),
        TEST(counters_are_those_of_the_agent),
        TEST(lines_of_devices_that_are_none_are_counted),
        TEST(devices_have_a_limit),
    };

    return cmocka_run_group_tests_name("proc_facts", tests, NULL, NULL);
}
