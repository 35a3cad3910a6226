/* The source while reading the guests' files hangs: what was known holds. */
#include "source/source.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "config/config.h"
#include "kit/memory.h"
#include "source/proxmox/looker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "unit/cmocka_any.h"

#define S INT64_C(1000000000)
#define PATIENCE_NS (60 * S) /* only ends a test that hangs */

/* --- instead of the log --- */

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

/* --- instead of the looker: it sees what the test says --- */

static struct proxmox_looker {
    void (*done)(void *context, const struct proxmox_seen *seen);
    void *context;
    bool hangs;
    unsigned int looks;
} the_looker;

struct proxmox_looker *
proxmox_looker_start(struct mailbox *mailbox, const struct proxmox_folders *folders,
                     void (*done)(void *context, const struct proxmox_seen *seen),
                     void *context)
{
    (void)mailbox;
    (void)folders;
    the_looker = (struct proxmox_looker){.done = done, .context = context};
    return &the_looker;
}

bool
proxmox_looker_look(struct proxmox_looker *looker, int64_t now_ns)
{
    (void)now_ns;
    looker->looks++;
    return looker->hangs;
}

bool
proxmox_looker_stop(struct proxmox_looker *looker, int64_t deadline_ns)
{
    (void)looker;
    (void)deadline_ns;
    return true;
}

/* One guest without a socket; `name` NULL: its configuration could not be read. */
static void
see(int64_t started, const char *name, const char *error)
{
    struct proxmox_guest guest = {.vmid = "100", .started = started};
    const struct proxmox_seen seen = {.guests = &guest, .count = 1};

    (void)snprintf(guest.error, sizeof(guest.error), "%s", error);
    guest.is_known = name;
    if (name) {
        (void)snprintf(guest.configuration.name, PROXMOX_NAME_BYTES, "%s", name);
        guest.configuration.facts = domain_facts_new();
    }
    the_looker.done(the_looker.context, &seen);
    domain_facts_unref(guest.configuration.facts);
}

/* The same, and its process does not let its command line be read. */
static void
see_unread(int64_t started)
{
    struct proxmox_guest guest = {.vmid = "100", .started = started, .is_unread = true};
    const struct proxmox_seen seen = {.guests = &guest, .count = 1};

    the_looker.done(the_looker.context, &seen);
}

static void
see_trouble(void)
{
    const struct proxmox_seen seen = {.trouble = "no such folder"};

    the_looker.done(the_looker.context, &seen);
}

/* --- the source --- */

static char heard[256];

static void
guest_seen(void *context, struct source *source, const struct guest_facts *facts)
{
    size_t length = strlen(heard);

    (void)context;
    (void)source;
    (void)snprintf(heard + length, sizeof(heard) - length, "%s%s %s;",
                   facts->just_started ? "started " : "",
                   facts->channel == CHANNEL_UNKNOWN ? "unknown" : "known",
                   facts->name);
}

static void
guest_gone(void *context, struct source *source, const char *key)
{
    size_t length = strlen(heard);

    (void)context;
    (void)source;
    (void)snprintf(heard + length, sizeof(heard) - length, "gone %s;", key);
}

static void
source_up(void *context, struct source *source)
{
    (void)context;
    (void)source;
}

static void
source_down(void *context, struct source *source, const char *why)
{
    (void)context;
    (void)source;
    (void)why;
}

static const struct source_listener listener = {.guest_seen = guest_seen,
                                                .guest_gone = guest_gone,
                                                .source_up = source_up,
                                                .source_down = source_down};

static void
expect(const char *expected)
{
    assert_string_equal(heard, expected);
    heard[0] = '\0';
}

static uv_loop_t loop;
static struct mailbox *mailbox;
static struct source *source;

static int
set_up(void **state)
{
    static char folder[] = "/nowhere";
    const struct source_config config = {.kind = SOURCE_PROXMOX,
                                         .proxmox = {.sockets = folder,
                                                     .pid_files = folder,
                                                     .configurations = folder,
                                                     .names = true}};

    (void)state;
    uv_loop_init(&loop);
    mailbox = mailbox_new(&loop);
    source = source_proxmox.start(&config, &loop, mailbox, &listener);
    warnings = infos = 0;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    assert_true(source_proxmox.stop(source, clock_monotonic_ns() + PATIENCE_NS));
    mailbox_close(mailbox);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static void
test_what_was_known_holds(void **state)
{
    (void)state;
    see(5, "web", "");
    expect("known web;");
    /* By a thread that has not read it. */
    see(5, NULL, "100.conf: reading it hangs");
    expect("known web;");
    assert_int_equal(warnings, 1); /* it was not said that looks hang */
    see(5, NULL, "100.conf: reading it hangs");
    expect("");
    see(5, "shop", "");
    expect("known shop;");
    assert_int_equal(warnings, 1);
    /* Of another process nothing is known; that it started is told when it may be
     * asked. */
    see(6, NULL, "100.conf: reading it hangs");
    expect("unknown 100;");
    see(6, "shop", "");
    expect("started known shop;");
}

/* It stays as it was known, for as long as it is the same process. */
static void
test_a_process_that_hangs(void **state)
{
    (void)state;
    see_unread(5);
    expect("");
    see(5, "web", "");
    expect("started known web;");
    see_unread(5);
    see_unread(5);
    expect("");
    /* Also when all are announced anew. */
    see_trouble();
    see_unread(5);
    expect("known web;");
    see(5, "web", "");
    expect("");
    see_unread(6);
    expect("gone 100;");
    see_unread(6);
    expect("");
    see(6, "web", "");
    expect("started known web;");
}

static void
wait_for_look(void)
{
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_NS;
    unsigned int before = the_looker.looks;

    while (the_looker.looks == before && clock_monotonic_ns() < end_ns)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(the_looker.looks, before + 1);
}

/* One line, and not one for each guest as well. */
static void
test_it_is_said_once(void **state)
{
    (void)state;
    see(5, "web", "");
    infos = 0;
    the_looker.hangs = true;
    wait_for_look();
    assert_int_equal(warnings, 1);
    wait_for_look();
    see(5, NULL, "100.conf: reading it hangs");
    assert_int_equal(warnings, 1);
    assert_int_equal(infos, 0);
    the_looker.hangs = false;
    wait_for_look();
    assert_int_equal(warnings, 1);
    assert_int_equal(infos, 1);
    expect("known web;known web;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_known_holds),
        TEST(test_it_is_said_once),
        TEST(test_a_process_that_hangs),
    };

    return cmocka_run_group_tests_name("proxmox source that hangs", tests, NULL, NULL);
}
