/* The memory of guests that a source tells: what is served of it, and for how long. */
#include "poll/watch.h"

#include "store/note.h"
#include "store/view.h"
#include "unit/own_text.h"
#include "unit/poll/world.h"

#define MAX_AGE (75 * S)
#define WORD "\nqga_balloon_MemTotal_bytes{domain=\"web-1\",source=\"here\"} 4096\n"
#define RESIDENT                                                                       \
    "\nqga_domain_memory_resident_bytes{domain=\"web-1\",source=\"here\"} 8192\n"

static void
tell(int64_t age_ns)
{
    const struct balloon balloon = {
        .has = {[BALLOON_TOTAL] = true},
        .words = {[BALLOON_TOTAL] = 4096},
        .updated_ns = clock_realtime_ns() - age_ns,
        .resident_bytes = 8192,
        .read_ns = clock_realtime_ns(),
        .read_mono_ns = clock_monotonic_ns(),
    };

    the_source.listener->balloon_told(the_source.listener->context, &the_source, "k",
                                      &balloon);
    the_source.listener->balloons_told(the_source.listener->context, &the_source);
}

static bool
serves(const struct world *world, const char *line)
{
    struct body *body =
        store_body(world->parts.store, (struct body_form){EXPOSITION_TEXT, BODY_PLAIN},
                   clock_monotonic_ns());
    bool there = memmem(body->bytes, body->length, line, strlen(line));

    body_unref(body);
    return there;
}

static void
count_is(const struct world *world, const char *count)
{
    size_t guests_by_state[AGENT_STATES] = {0};
    char line[128];

    (void)snprintf(
        line, sizeof(line),
        "\nqga_exporter_guests_without_balloon_statistics{source=\"here\"} %s\n",
        count);
    watch_review(world->watch, clock_monotonic_ns(), guests_by_state);
    char *text = own_text(world->parts.telemetry, EXPOSITION_TEXT);

    assert_non_null(strstr(text, line));
    free(text);
}

static bool
people_are_told(const struct world *world, const char *problem)
{
    struct view *view = store_view(world->parts.store, clock_monotonic_ns());
    const struct guest_note *note = view->guests[0].note;
    bool told = false;

    for (size_t i = 0; i < note->findings_count; i++)
        told |= strcmp(note->findings[i].problem, problem) == 0;
    view_free(view);
    return told;
}

/* It is asked for nothing, so that nothing else brings its notes up to date. */
static void
test_notes_follow_what_is_told(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    assert_false(people_are_told(&world, "no_memory"));
    hand_clock_pass(3600 * S); /* no longer starting */
    tell(MAX_AGE);
    assert_true(people_are_told(&world, "no_memory"));
    tell(0);
    assert_false(people_are_told(&world, "no_memory"));
    close_world(&world);
}

static void
test_the_guests_word_and_the_hosts(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    assert_false(serves(&world, WORD));
    count_is(&world, "1");
    tell(0);
    assert_true(serves(&world, WORD));
    assert_true(serves(&world, RESIDENT));
    count_is(&world, "0");
    close_world(&world);
}

/* By the age that it has when the host tells it; the host's own word is new then. */
static void
test_an_old_word_is_withdrawn(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    tell(MAX_AGE - 10 * S);
    assert_true(serves(&world, WORD));
    hand_clock_pass(11 * S);
    assert_false(serves(&world, WORD));
    assert_true(serves(&world, RESIDENT));
    hand_clock_pass(MAX_AGE);
    assert_false(serves(&world, RESIDENT));
    tell(MAX_AGE);
    assert_false(serves(&world, WORD));
    assert_true(serves(&world, RESIDENT));
    count_is(&world, "1");
    close_world(&world);
}

/* What comes late from a call that was given up does not replace what is newer. */
static void
test_what_was_asked_before(void **state)
{
    struct world world;
    struct balloon late = {.read_ns = 1, .read_mono_ns = 1};

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    tell(0);
    the_source.listener->balloon_told(the_source.listener->context, &the_source, "k",
                                      &late);
    assert_true(serves(&world, WORD));
    close_world(&world);
}

static void
test_a_guest_that_restarts_has_said_nothing(void **state)
{
    struct world world;
    const struct guest_facts facts = {
        .key = "k", .name = "web-1", .uuid = "", .incarnation = 2};

    (void)state;
    open_world(&world);
    announce(false);
    come_up();
    tell(0);
    the_source.listener->guest_seen(the_source.listener->context, &the_source, &facts);
    assert_false(serves(&world, WORD));
    assert_false(serves(&world, RESIDENT));
    close_world(&world);
}

/* A guest that is not known (yet). */
static void
test_a_stranger(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    come_up();
    tell(0);
    assert_false(serves(&world, WORD));
    close_world(&world);
}

/* --once shows it. */
static void
test_the_first_pass_waits_for_it(void **state)
{
    struct world world;

    (void)state;
    open_world(&world);
    enable_only(&world, NULL);
    the_source.listener->source_up(the_source.listener->context, &the_source);
    assert_false(has_passed(&world));
    the_source.listener->balloons_told(the_source.listener->context, &the_source);
    assert_true(has_passed(&world));
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_guests_word_and_the_hosts),
        cmocka_unit_test(test_notes_follow_what_is_told),
        cmocka_unit_test(test_an_old_word_is_withdrawn),
        cmocka_unit_test(test_what_was_asked_before),
        cmocka_unit_test(test_a_guest_that_restarts_has_said_nothing),
        cmocka_unit_test(test_a_stranger),
        cmocka_unit_test(test_the_first_pass_waits_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
