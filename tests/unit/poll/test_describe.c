/* What is said of guests and sources for a person, from what the poller knows. */
#include "poll/describe.h"
#include "poll/inside.h"
#include "store/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000000)
#define NOW (10000 * S)

static char no_name[] = "", uri[] = "qemu:///system";
static const struct source_config libvirt_source = {
    .name = no_name, .kind = SOURCE_LIBVIRT, .libvirt = {.uri = uri}};

static struct config config;
static struct schedule *schedule;

static struct guest *
new_guest(struct watch *watch)
{
    static const struct guest_facts facts = {
        .key = "k", .name = "web-1", .uuid = "8eb0f9fd-80a6-59b0-bac3-f74533a7bcc7"};
    struct guest *guest = guest_new(&facts, NULL);

    config = (struct config){.sources_count = 1};
    for (size_t i = 0; i < collectors_count; i++)
        config.collectors[i].interval_ns = 15 * S;
    config.collectors[collector_find("clock")].enabled = true;
    config.collectors[collector_find("os")].enabled = true;
    *watch = (struct watch){
        .rules = {.config = &config}, .identity = libvirt_source, .schedule = schedule};
    guest->domain = DOMAIN_RUNNING;
    guest->channel = CHANNEL_CONNECTED;
    guest->source_is_up = true;
    guest->answered = true;
    guest->collectors[collector_find("clock")].asked = true;
    guest->collectors[collector_find("clock")].success = true;
    return guest;
}

static const struct note_collector *
collector_of(const struct guest_note *note, const char *name)
{
    for (size_t i = 0; i < note->collectors_count; i++) {
        if (strcmp(note->collectors[i].name, name) == 0)
            return &note->collectors[i];
    }
    fail_msg("%s is not among them", name);
    return NULL;
}

static void
a_guest_that_answers_is_well(void **state)
{
    struct watch watch;
    struct guest *guest = new_guest(&watch);
    struct guest_note *note = describe_guest(&watch, guest, NOW);

    (void)state;
    assert_string_equal(note->domain, "web-1");
    assert_string_equal(note->state, "responsive");
    assert_true(guest_note_is_well(note));
    assert_int_equal(note->collectors_count, 2); /* those that are on */
    const struct note_collector *clock = collector_of(note, "clock");

    assert_string_equal(clock->command, "guest-get-time");
    assert_string_equal(clock->outcome, "ok");
    assert_string_equal(clock->avoided, "");
    assert_true(clock->interval_ns == 15 * S && !clock->is_idle);
    assert_string_equal(collector_of(note, "os")->outcome, "");
    guest_note_unref(note);
    guest_free(guest);
}

static void
the_doctor_says_why_it_is_not(void **state)
{
    struct watch watch;
    struct guest *guest = new_guest(&watch);

    (void)state;
    guest->channel = CHANNEL_ABSENT;
    guest->schedule.held = true;
    struct guest_note *note = describe_guest(&watch, guest, NOW);

    assert_string_equal(note->state, "unconfigured");
    assert_false(guest_note_is_well(note));
    assert_string_equal(guest_note_reason(note)->text,
                        "the domain has no channel for a guest agent");
    assert_non_null(strstr(guest_note_reason(note)->remedies[0], "attach-device"));
    assert_true(collector_of(note, "clock")->is_idle);
    guest_note_unref(note);
    guest_free(guest);
}

static void
what_is_not_asked_says_so(void **state)
{
    struct watch watch;
    struct guest *guest = new_guest(&watch);
    size_t os = (size_t)collector_find("os"), clock = (size_t)collector_find("clock");

    (void)state;
    guest->collectors[os].status = COMMAND_DISABLED;
    guest->collectors[clock].success = false;
    guest->collectors[clock].failure = FAILURE_TIMEOUT;
    guest->schedule.entries[clock].stretch = 2;
    guest->schedule.restricted = true;
    guest->schedule.only = os;
    struct guest_note *note = describe_guest(&watch, guest, NOW);

    assert_string_equal(collector_of(note, "os")->avoided, "disabled");
    assert_false(collector_of(note, "os")->is_idle);
    assert_string_equal(collector_of(note, "clock")->outcome, "timeout");
    assert_true(collector_of(note, "clock")->interval_ns == 60 * S);
    assert_true(collector_of(note, "clock")->is_idle);
    guest_note_unref(note);
    guest_free(guest);
}

static void
a_source_that_is_away_says_what_helps(void **state)
{
    struct sources_note *note = sources_note_new();

    (void)state;
    describe_source(note, &libvirt_source, true, "");
    describe_source(note, &libvirt_source, false, "");
    describe_source(note, &libvirt_source, false, "Permission denied");
    assert_int_equal(note->count, 3);
    assert_string_equal(note->sources[0].kind, "libvirt");
    assert_string_equal(note->sources[0].place, "qemu:///system");
    assert_true(note->sources[0].is_up && !note->sources[0].why);
    assert_string_equal(note->sources[1].why, "it is not connected (yet)");
    assert_string_equal(note->sources[2].why, "Permission denied");
    assert_non_null(note->sources[2].remedy);
    sources_note_unref(note);
}

static int
make_schedule(void **state)
{
    static const struct schedule_settings settings = {.capacity = 1, .lanes = 1};

    (void)state;
    schedule = schedule_new(&settings);
    return 0;
}

static int
free_schedule(void **state)
{
    (void)state;
    schedule_free(schedule);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_that_answers_is_well),
        cmocka_unit_test(the_doctor_says_why_it_is_not),
        cmocka_unit_test(what_is_not_asked_says_so),
        cmocka_unit_test(a_source_that_is_away_says_what_helps),
    };

    return cmocka_run_group_tests_name("describe", tests, make_schedule, free_schedule);
}
