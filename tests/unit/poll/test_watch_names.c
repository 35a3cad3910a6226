/* What guests are called: no two alike in their labels, and a new name is a new guest.
 */
#include "poll/watch.h"

#include "agent/commands.h"
#include "base/mailbox.h"
#include "guest/guest.h"
#include "poll/publish.h"
#include "poll/watch_parts.h"
#include "source/source.h"
#include "store/store.h"
#include "store/telemetry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

/* --- a source that only announces --- */

static struct source {
    const struct source_listener *listener;
} the_source;

static struct source *
start(const struct source_config *config, uv_loop_t *loop, struct mailbox *mailbox,
      const struct source_listener *listener)
{
    (void)config;
    (void)loop;
    (void)mailbox;
    the_source.listener = listener;
    return &the_source;
}

static struct source_capacity
capacity(const struct source *source)
{
    (void)source;
    return (struct source_capacity){.lanes = 1, .calls = 1};
}

static void
take_call(struct source *source, struct call *call)
{
    (void)source;
    (void)call;
    fail_msg("a guest is asked");
}

static struct source_figures
figures(const struct source *source)
{
    (void)source;
    return (struct source_figures){.has_lanes = true, .lanes = 4};
}

static enum call_stage
stage(const struct source *source, const struct call *call)
{
    (void)source;
    (void)call;
    return CALL_RUNS;
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

/* --- the watch --- */

static struct world {
    uv_loop_t loop;
    struct watch_parts parts;
    struct config *config;
    struct watch *watch;
    char list[2048];
} world;

static void
nothing(void *context)
{
    (void)context;
}

static int
set_up(void **state)
{
    static const char *const states[] = {"all", NULL};
    static char name[] = "here";
    static struct source_config source;
    struct store_part slots[PUBLISH_SLOTS_MAX];
    struct failure why;
    size_t slots_count = publish_slots(slots);

    (void)state;
    memset(&world, 0, sizeof(world));
    uv_loop_init(&world.loop);
    world.config = config_load(NULL, NULL, &why);
    world.parts = (struct watch_parts){
        .loop = &world.loop,
        .mailbox = mailbox_new(&world.loop),
        .telemetry = telemetry_new(commands_list(), states),
        .drivers = drivers,
        .store = store_new(slots, slots_count, NULL),
        .progressed = nothing,
    };
    source = world.config->sources[0];
    source.name = name;
    world.watch = watch_start(&world.parts, &source, world.config);
    watch_pause(world.watch, true);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    watch_stop(world.watch, 0);
    mailbox_close(world.parts.mailbox);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    store_free(world.parts.store);
    telemetry_free(world.parts.telemetry);
    config_free(world.config);
    return 0;
}

static void
announce(const char *key, const char *name)
{
    const struct guest_facts facts = {
        .key = key,
        .name = name,
        .uuid = "",
        .domain = DOMAIN_RUNNING,
        .channel = CHANNEL_CONNECTED,
    };

    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
}

static void
add_source(void *context, const struct source_config *source, bool is_up,
           const char *why)
{
    (void)context;
    (void)source;
    (void)is_up;
    (void)why;
}

static void
add_guest(void *context, const struct source_config *source, const struct guest *guest)
{
    size_t length = strlen(world.list);

    (void)context;
    (void)source;
    snprintf(world.list + length, sizeof(world.list) - length, "%s=%s;", guest->key,
             guest->identity);
}

/* "key=labels;" of each guest. */
static const char *
guests(void)
{
    const struct watch_visitor visitor = {.source = add_source, .guest = add_guest};

    world.list[0] = '\0';
    watch_visit(world.watch, &visitor);
    return world.list;
}

static void
come_up(void)
{
    the_source.listener->source_up(the_source.listener->context, &the_source);
}

static void
test_two_of_one_name(void **state)
{
    (void)state;
    announce("1", "web");
    announce("2", "web");
    announce("3", "web");
    announce("2", "web");
    assert_string_equal(guests(),
                        "1=domain=\"web\",source=\"here\";2=domain=\"web~2\",source="
                        "\"here\";3=domain=\"web~3\",source=\"here\";");
}

/* Each byte that is no UTF-8 becomes the same character in the labels. */
static void
test_two_names_that_become_one(void **state)
{
    (void)state;
    announce("1", "web\x80");
    announce("2", "web\xff");
    announce("3", "web\xEF\xBF\xBD");
    assert_string_equal(guests(), "1=domain=\"web\xEF\xBF\xBD\",source=\"here\";"
                                  "2=domain=\"web\xEF\xBF\xBD~2\",source=\"here\";"
                                  "3=domain=\"web\xEF\xBF\xBD~3\",source=\"here\";");
}

/* The daemon was away while the domain was stopped, renamed and started. */
static void
test_another_name(void **state)
{
    (void)state;
    announce("1", "web");
    announce("2", "db");
    come_up();
    the_source.listener->source_down(the_source.listener->context, &the_source, "test");
    announce("1", "shop");
    announce("2", "db");
    come_up();
    assert_string_equal(
        guests(), "2=domain=\"db\",source=\"here\";1=domain=\"shop\",source=\"here\";");
}

static void
test_names_change_hands(void **state)
{
    (void)state;
    announce("1", "web");
    announce("2", "db");
    come_up();
    the_source.listener->source_down(the_source.listener->context, &the_source, "test");
    announce("1", "db");
    announce("2", "web");
    come_up();
    assert_string_equal(
        guests(), "1=domain=\"db\",source=\"here\";2=domain=\"web\",source=\"here\";");
}

/* One that got a suffix keeps it for as long as its source calls it the same. */
static void
test_a_suffix_is_no_other_name(void **state)
{
    (void)state;
    announce("1", "web");
    announce("2", "web");
    come_up();
    the_source.listener->guest_gone(the_source.listener->context, &the_source, "1");
    announce("2", "web");
    assert_string_equal(guests(), "2=domain=\"web~2\",source=\"here\";");
}

/* /sd shows so much of a name: what tells them apart must be in it, and no character is
 * cut in two. */
static void
test_long_names(void **state)
{
    char name[400], expected[2048];

    (void)state;
    memset(name, 'n', sizeof(name));
    memcpy(name + 253, "\xc3\xa4rest", sizeof("\xc3\xa4rest"));
    announce("1", name);
    announce("2", name);
    announce("3", name);
    announce("2", name);
    (void)snprintf(expected, sizeof(expected),
                   "1=domain=\"%.256s\",source=\"here\";2=domain=\"%.253s~2\",source="
                   "\"here\";3=domain=\"%.253s~3\",source=\"here\";",
                   name, name, name);
    assert_string_equal(guests(), expected);
    name[256] = 'x'; /* only what is cut off is another */
    announce("4", name);
    assert_non_null(strstr(guests(), "~4\",source=\"here\";"));
}

static void
announce_titled(const char *key, const char *name, const char *title)
{
    struct domain_facts *definition = domain_facts_new();
    const struct guest_facts facts = {
        .key = key,
        .name = name,
        .uuid = "",
        .channel = CHANNEL_CONNECTED,
        .definition = title ? definition : NULL,
    };

    free(definition->title);
    definition->title = domain_facts_text(title ? title : "");
    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
    domain_facts_unref(definition);
}

/* By number, name or title; and a guest that was wanted stays so. */
static void
test_those_that_are_wanted(void **state)
{
    static const char *const only[] = {"web", "101", NULL};

    (void)state;
    world.parts.only = only;
    announce_titled("100", "100", "web");
    announce_titled("101", "db", "db");
    announce_titled("102", "web", "other");
    announce_titled("103", "103", "shop");
    announce_titled("100", "100", NULL);
    assert_string_equal(guests(),
                        "100=domain=\"100\",source=\"here\";101=domain=\"db\",source="
                        "\"here\";102=domain=\"web\",source=\"here\";");
    announce_titled("103", "103", "web");
    assert_non_null(strstr(guests(), "103"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_of_one_name),
        TEST(test_two_names_that_become_one),
        TEST(test_another_name),
        TEST(test_names_change_hands),
        TEST(test_a_suffix_is_no_other_name),
        TEST(test_long_names),
        TEST(test_those_that_are_wanted),
    };

    return cmocka_run_group_tests_name("names of guests", tests, NULL, NULL);
}
