/* All sources together: what two of them have in common. */
#include "poll/poller.h"

#include "agent/commands.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "guest/state.h"
#include "poll/publish.h"
#include "source/source.h"
#include "store/store.h"
#include "store/telemetry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define SOURCES 3

/* --- the log --- */

static char warnings[1024];

/* Instead of the log: the values of each warning's fields. */
void
log_write(enum log_level level, const char *source_file, int source_line,
          const char *message, ...)
{
    size_t length = strlen(warnings);
    struct log_field field;
    va_list fields;

    (void)source_file;
    (void)source_line;
    (void)message;
    if (level < LOG_WARN)
        return;
    va_start(fields, message);
    while ((field = va_arg(fields, struct log_field)).key)
        length += (size_t)snprintf(warnings + length, sizeof(warnings) - length, "%s ",
                                   field.string);
    va_end(fields);
    (void)snprintf(warnings + length, sizeof(warnings) - length, ";");
}

static void
expect_warnings(const char *expected)
{
    assert_string_equal(warnings, expected);
    warnings[0] = '\0';
}

/* --- sources that only announce --- */

static struct source {
    const struct source_listener *listener;
} the_sources[SOURCES + 1];
static size_t started;

static struct source *
start(const struct source_config *config, uv_loop_t *loop, struct mailbox *mailbox,
      const struct source_listener *listener)
{
    (void)config;
    (void)loop;
    (void)mailbox;
    assert_true(started < sizeof(the_sources) / sizeof(the_sources[0]));
    the_sources[started].listener = listener;
    return &the_sources[started++];
}

static struct source_capacity
capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = 1, .calls = 1};
}

static struct source_figures
figures(const struct source *source)
{
    (void)source;
    return (struct source_figures){.has_lanes = false};
}

static enum call_stage
stage(const struct source *source, const struct call *call)
{
    (void)source;
    (void)call;
    return CALL_RUNS;
}

static void
take_call(struct source *source, struct call *call)
{
    (void)source;
    (void)call;
    fail_msg("a guest is asked");
}

static bool
stop(struct source *source, int64_t deadline_ns)
{
    (void)source;
    (void)deadline_ns;
    return true;
}

static const struct source_driver driver = {.start = start,
                                            .capacity = capacity,
                                            .figures = figures,
                                            .call = take_call,
                                            .stage = stage,
                                            .stop = stop};
static const struct source_driver *const drivers[] = {[SOURCE_LIBVIRT] = &driver};

/* --- the poller --- */

static struct world {
    uv_loop_t loop;
    struct poller_parts parts;
    struct config *config;
    struct config several; /* the same with some sources */
    struct source_config sources[SOURCES];
    struct poller *poller;
} world;

static void
passed(void *context, bool all_answered)
{
    (void)context;
    (void)all_answered;
}

static int
set_up(void **state)
{
    static char names[SOURCES][2] = {"a", "b", "c"};
    struct store_part slots[PUBLISH_SLOTS_MAX];
    size_t slots_count = publish_slots(slots);
    struct failure why;

    (void)state;
    memset(&world, 0, sizeof(world));
    started = 0;
    uv_loop_init(&world.loop);
    world.config = config_load(NULL, NULL, &why);
    assert_non_null(world.config);
    world.several = *world.config;
    for (size_t i = 0; i < SOURCES; i++) {
        world.sources[i] = world.config->sources[0];
        world.sources[i].name = names[i];
    }
    world.several.sources = world.sources;
    world.several.sources_count = SOURCES;
    world.several.paused = true;
    world.parts = (struct poller_parts){
        .watch = {.loop = &world.loop,
                  .mailbox = mailbox_new(&world.loop),
                  .telemetry = telemetry_new(commands_list(), agent_state_names),
                  .drivers = drivers,
                  .store = store_new(slots, slots_count, NULL)},
        .first_pass = passed,
    };
    world.poller = poller_start(&world.parts, &world.several);
    warnings[0] = '\0';
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    poller_stop(world.poller, 0);
    mailbox_close(world.parts.watch.mailbox);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    store_free(world.parts.watch.store);
    telemetry_free(world.parts.watch.telemetry);
    config_free(world.config);
    return 0;
}

static void
announce(size_t source, const char *name, uint64_t inode)
{
    const struct guest_facts facts = {
        .key = name,
        .name = name,
        .uuid = "",
        .channel = CHANNEL_CONNECTED,
        .socket = {.device = 1, .inode = inode},
    };
    const struct source_listener *listener = the_sources[source].listener;

    listener->guest_seen(listener->context, &the_sources[source], &facts);
}

static void
withdraw(size_t source, const char *name)
{
    const struct source_listener *listener = the_sources[source].listener;

    listener->guest_gone(listener->context, &the_sources[source], name);
}

/* Said once of two sources, however many guests they have in common. */
static void
test_a_socket_of_two_sources(void **state)
{
    (void)state;
    announce(0, "100", 7);
    announce(0, "101", 8);
    announce(0, "102", 0);
    announce(1, "bare", 0);
    announce(1, "other", 9);
    expect_warnings("");
    announce(1, "web", 7);
    expect_warnings("b web a 100 ;");
    announce(1, "db", 8);
    announce(0, "late", 9);
    announce(1, "web", 7);
    expect_warnings("");
    announce(2, "mail", 8);
    expect_warnings("c mail a 101 ;");
}

/* By the socket that they have now. */
static void
test_sockets_that_are_made_anew(void **state)
{
    (void)state;
    announce(0, "100", 7);
    announce(0, "100", 8);
    announce(1, "web", 7);
    announce(0, "101", 9);
    withdraw(0, "101");
    announce(1, "db", 9);
    expect_warnings("");
    announce(1, "web", 8);
    expect_warnings("b web a 100 ;");
}

/* A source that came with a new configuration. */
static void
test_a_reload(void **state)
{
    (void)state;
    announce(0, "100", 7);
    announce(1, "web", 7);
    expect_warnings("b web a 100 ;");
    world.sources[1].name = (char[]){"d"};
    poller_configure(world.poller, &world.several);
    expect_warnings("");
    announce(SOURCES, "web", 7);
    expect_warnings("d web a 100 ;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_socket_of_two_sources),
        TEST(test_sockets_that_are_made_anew),
        TEST(test_a_reload),
    };

    return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
