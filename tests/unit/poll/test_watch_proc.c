/* What the collector procfs reads in a guest, on its way to the series of others: load
 * averages, filesystems that are read-only, counters of interfaces. */
#include "poll/watch.h"

#include "unit/poll/world.h"
#include "unit/proc_files.h"

/* A pass is eight files of three calls; two passes read all that is looked for. */
#define CALLS_MAX 200

#define NOT_FOUND "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"not known\"}}"

/* A guest's answers; "": it does not have the command. */
static struct guest_words {
    const char *command, *reply;
} words[] = {
    {"guest-get-load", ""},
    {"guest-get-fsinfo", "{\"return\":[{\"name\":\"vda1\",\"mountpoint\":\"/\","
                         "\"type\":\"ext4\",\"disk\":[]}]}"},
    {"guest-network-get-interfaces", "{\"return\":[{\"name\":\"br0\"}]}"},
};
#define LOAD (&words[0])
#define WORDS (sizeof(words) / sizeof(words[0]))

static void
answer_as_it_is(void)
{
    const struct request *request = &the_source.call->request;
    char reply[PROC_REPLY_BYTES];

    for (size_t i = 0; i < WORDS; i++)
        if (strcmp(words[i].command, request->command) == 0) {
            answer(*words[i].reply ? words[i].reply : NOT_FOUND);
            return;
        }
    proc_answer(request->command, request->arguments, reply);
    answer(reply);
}

/* How many of its series the body has. */
static size_t
series_of(const struct world *world, const char *family)
{
    struct body *body =
        store_body(world->parts.store, (struct body_form){EXPOSITION_TEXT, BODY_PLAIN},
                   clock_monotonic_ns());
    char *text = memory_new(body->length + 2, 1);
    char start[128];
    size_t count = 0;

    text[0] = '\n';
    memcpy(text + 1, body->bytes, body->length);
    (void)snprintf(start, sizeof(start), "\n%s{", family);
    for (const char *at = text; (at = strstr(at, start)); at++)
        count++;
    free(text);
    body_unref(body);
    return count;
}

static bool
shows(const struct world *world, const char *line)
{
    struct body *body =
        store_body(world->parts.store, (struct body_form){EXPOSITION_TEXT, BODY_PLAIN},
                   clock_monotonic_ns());
    bool there = memmem(body->bytes, body->length, line, strlen(line));

    body_unref(body);
    return there;
}

/* Lets the guest answer until the line is there. */
static void
await_line(struct world *world, const char *line)
{
    for (int calls = 0; !shows(world, line); calls++) {
        assert_true(calls < CALLS_MAX);
        if (!comes_a_call(world, TURNS_MAX))
            hand_clock_pass(10 * S); /* until the next pass */
        else
            answer_as_it_is();
    }
}

static void
switch_on(struct world *world, const char *name)
{
    world->config->collectors[collector_find(name)].enabled = true;
    watch_configure(world->watch, world->config);
}

static void
open_world_of(struct world *world, const char *name)
{
    open_world(world);
    enable_only(world, "procfs");
    if (name)
        switch_on(world, name);
    announce(false);
    come_up();
}

/* Of an agent without guest-get-load, or with the collector off; where the agent has
 * it, what it says takes the place, and no series is there twice. */
static void
test_load_averages_of_either(void **state)
{
    struct world world;

    (void)state;
    LOAD->reply = "";
    open_world_of(&world, "load");
    await_line(&world, "qga_load1{domain=\"web-1\",source=\"here\"} 0.5\n");
    assert_true(shows(&world, "qga_load5{domain=\"web-1\",source=\"here\"} 0.25\n"));
    assert_true(shows(&world, "qga_load15{domain=\"web-1\",source=\"here\"} 0.125\n"));
    LOAD->reply = "{\"return\":{\"load1m\":7,\"load5m\":7,\"load15m\":7}}";
    announce(true); /* the agent is upgraded */
    await_line(&world, "qga_load1{domain=\"web-1\",source=\"here\"} 7\n");
    proc_file("/proc/vmstat")->text = "oom_kill 4\n"; /* another pass has come */
    await_line(&world,
               "qga_vmstat_oom_kill_total{domain=\"web-1\",source=\"here\"} 4\n");
    assert_int_equal(series_of(&world, "qga_load1"), 1);
    assert_true(shows(&world, "qga_load1{domain=\"web-1\",source=\"here\"} 7\n"));
    close_world(&world);
}

static void
test_load_averages_without_the_collector(void **state)
{
    struct world world;

    (void)state;
    open_world_of(&world, NULL);
    await_line(&world, "qga_load1{domain=\"web-1\",source=\"here\"} 0.5\n");
    assert_int_equal(series_of(&world, "qga_load1"), 1);
    close_world(&world);
}

/* The reply is the same again and again; the mount is not. */
static void
test_a_filesystem_becomes_read_only(void **state)
{
    struct world world;
    const char *before = proc_file("/proc/self/mountinfo")->text;

    (void)state;
    proc_file("/proc/self/mountinfo")->text = "1 0 252:1 / / rw - ext4 /dev/vda1 rw\n";
    open_world_of(&world, "filesystem");
    await_line(
        &world,
        "qga_filesystem_readonly{domain=\"web-1\",source=\"here\",device=\"vda1\","
        "fstype=\"ext4\",mountpoint=\"/\"} 0\n");
    proc_file("/proc/self/mountinfo")->text = "1 0 252:1 / / rw - ext4 /dev/vda1 ro\n";
    await_line(
        &world,
        "qga_filesystem_readonly{domain=\"web-1\",source=\"here\",device=\"vda1\","
        "fstype=\"ext4\",mountpoint=\"/\"} 1\n");
    proc_file("/proc/self/mountinfo")->text = before;
    /* What is not read any more is not known. */
    world.config->collectors[collector_find("procfs")].enabled = false;
    watch_configure(world.watch, world.config);
    for (int calls = 0; series_of(&world, "qga_filesystem_readonly") > 0; calls++) {
        assert_true(calls < CALLS_MAX);
        if (comes_a_call(&world, TURNS_MAX))
            answer_as_it_is();
        else
            hand_clock_pass(10 * S);
    }
    close_world(&world);
}

static void
test_counters_of_an_interface_without_an_address(void **state)
{
    struct world world;

    (void)state;
    open_world_of(&world, "network");
    await_line(&world, "qga_network_receive_bytes_total{domain=\"web-1\",source="
                       "\"here\",device=\"br0\"} 11\n");
    proc_file("/proc/net/dev")->text = "br0: 15 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n";
    await_line(&world, "qga_network_receive_bytes_total{domain=\"web-1\",source="
                       "\"here\",device=\"br0\"} 15\n");
    assert_int_equal(series_of(&world, "qga_network_receive_bytes_total"), 1);
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_averages_of_either),
        cmocka_unit_test(test_load_averages_without_the_collector),
        cmocka_unit_test(test_a_filesystem_becomes_read_only),
        cmocka_unit_test(test_counters_of_an_interface_without_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
