/* The process that reads, with all that it gives up one upon the other, as the daemon
 * has it: what code in it may still do, and what must go on. */
#include "separation.h"

#include "broker/confine.h"
#include "broker/orders.h"
#include "broker/remote.h"
#include "exporter.h"
#include "options.h"

#include <linux/landlock.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/broker/attempts.h"
#include "unit/broker/stage.h"

/* --- the reader --- */

static struct options options;
static int to_broker[2], to_first[2]; /* our ends, and the reader's */

static bool
be_the_reader(struct failure *why)
{
    static struct separation separation;
    static struct exporter reader;

    separation.broker = to_broker[1];
    separation.control = to_first[1];
    reader.options = &options;
    reader.drivers = remote_drivers;
    reader.separation = &separation;
    return separation_enter(&reader, why) && uv_loop_init(&reader.loop) == 0 &&
           separation_begin(&separation, &reader);
}

/* Nobody's rights alone are to stand against it. */
static int
set_up_for_all(void **state)
{
    static const char config[] =
        "log: {level: error}\nsources: [{name: a, socket: {path: \"/nowhere/*\"}}]\n";
    int status = set_up(state);
    FILE *file = fopen(stage.inside, "w");

    assert_non_null(file);
    assert_true(fputs(config, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(stage.folder, 0777), 0);
    assert_int_equal(chmod(stage.readable, 0777), 0);
    assert_int_equal(chmod(stage.inside, 0666), 0);
    assert_int_equal(chmod(stage.outside, 0666), 0);
    options.config_file = stage.inside;
    options.config_file_is_named = true;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to_broker), 0);
    assert_true(orders_pair(to_first));
    return status;
}

/* A sanitizer has more memory from the first than the reader may have. */
static bool
is_within_limits(void)
{
    long data_pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %*d %*d %*d %*d %ld", &data_pages), 1);
    assert_int_equal(fclose(file), 0);
    return data_pages * sysconf(_SC_PAGESIZE) < CONFINE_MEMORY_BYTES;
}

static bool
has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0,
                   LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* --- what may not be done --- */

static const struct attempt by_files[] = {
    {"read outside", read_outside},
    {"read passwords", read_passwords},
    {"read the parent's memory", read_the_parents_memory},
    {"listen outside", listen_outside},
    {"remove outside", remove_outside},
};

static const struct attempt by_memory[] = {
    {"more memory", have_too_much_memory},
    {"more memory, which is made writable", have_too_much_memory_later},
};

static void
expect_refusals(const struct attempt *attempts, size_t count, int expected, int other)
{
    for (size_t i = 0; i < count; i++) {
        int status = confined(attempts[i].attempt, be_the_reader);

        if (status != expected && status != other)
            fail_msg("%s: %d, %s", attempts[i].name, status, strerror(status));
    }
}

static int
write_outside(void)
{
    return open(stage.outside, O_WRONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int
set_the_clock(void)
{
    struct timex clock = {.modes = ADJ_TICK, .tick = 10000};

    return adjtimex(&clock) < 0 ? -1 : 0;
}

static void
expect_all_refusals(void)
{
    static const struct attempt others[] = {
        {"write outside", write_outside},
        {"set the clock", set_the_clock},
    };

    if (!is_within_limits())
        skip();
    expect_refusals(by_calls, sizeof(by_calls) / sizeof(*by_calls), EPERM, ENOSYS);
    expect_refusals(others, sizeof(others) / sizeof(*others), EPERM, ENOSYS);
    expect_refusals(by_memory, sizeof(by_memory) / sizeof(*by_memory), ENOMEM, ENOMEM);
    if (has_landlock())
        expect_refusals(by_files, sizeof(by_files) / sizeof(*by_files), EACCES, EACCES);
}

/* --- what must go on --- */

static int
talk_by_its_ways(void)
{
    char byte;

    return write(to_broker[1], "x", 1) == 1 && recv(to_first[1], &byte, 1, 0) == 1 &&
                   byte == '?' && order_send(to_first[1], ORDER_RELOAD, NULL, -1)
               ? 0
               : -1;
}

static void
expect_what_goes_on(void)
{
    char byte = 0;

    if (!is_within_limits())
        skip();
    while (recv(to_first[0], &byte, 1, MSG_DONTWAIT) == 1)
        continue;
    assert_int_equal(send(to_first[0], "?", 1, 0), 1);
    assert_int_equal(confined(talk_by_its_ways, be_the_reader), 0);
    while (recv(to_first[0], &byte, 1, MSG_DONTWAIT) == 1 && byte != ORDER_RELOAD)
        continue; /* what all of them say */
    assert_int_equal(byte, ORDER_RELOAD);
    assert_int_equal(confined(read_a_file, be_the_reader), 0);
    assert_int_equal(confined(start_a_thread, be_the_reader), 0);
    assert_int_equal(confined(listen_anew, be_the_reader), 0);
    assert_int_equal(confined(allocate, be_the_reader), 0);
    assert_int_equal(confined(read_the_clocks_error, be_the_reader), 0);
}

/* --- as who started it, and as somebody else --- */

static void
test_refusals(void **state)
{
    (void)state;
    options.separate_user = NULL;
    expect_all_refusals();
}

static void
test_what_goes_on(void **state)
{
    (void)state;
    options.separate_user = NULL;
    expect_what_goes_on();
}

static void
test_another_user(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    options.separate_user = "nobody";
    expect_all_refusals();
    expect_what_goes_on();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_what_goes_on),
        cmocka_unit_test(test_another_user),
    };

    return cmocka_run_group_tests(tests, set_up_for_all, tear_down);
}
