/* The store: order, expiry, removal, contiguous families, one body for all who ask
 * meanwhile, and writers and readers at once (the thread sanitizer's part). */
#include "store/selection.h"
#include "store/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS INT64_C(1000000000)

static const struct metric up = {.name = "qga_up", .help = "Up."};
static const struct metric online = {
    .name = "qga_cpu_online", .help = "Online.", .labels = {"cpu"}};
static const struct metric vcpus = {
    .name = "qga_vcpus", .help = "Number.", .labels = {"state"}};
static const struct metric *const health_families[] = {&up, NULL};
static const struct metric *const vcpu_families[] = {&online, &vcpus, NULL};
static const struct metric trailer = {.name = "own", .help = "Own."};
static const struct metric *const trailer_families[] = {&trailer, NULL};

static void
write_trailer(void *context, struct fragment_writer *out)
{
    int *calls = context;

    (*calls)++;
    fragment_single(out, &trailer, 1);
}

enum { HEALTH, VCPU, SLOTS, PARTS = SLOTS + 1 };
static const struct store_part parts[PARTS] = {
    {"health", health_families, NULL},
    {"vcpu", vcpu_families, NULL},
    {"own", trailer_families, write_trailer}};
static const struct body_form plain = {EXPOSITION_TEXT, BODY_PLAIN};
static const struct body_form openmetrics = {EXPOSITION_OPENMETRICS, BODY_PLAIN};
static const struct body_form gzip = {EXPOSITION_TEXT, BODY_GZIP};
#define TRAILER "# HELP own Own.\n# TYPE own gauge\nown 1\n"

static const struct samples_limits limits = {.series_max = 1000,
                                             .label_bytes_max = 256};

static struct fragment *
health(const char *identity, double value)
{
    struct samples *samples = samples_new(&limits);

    samples_add(samples, &up, value, NO_LABELS);
    struct fragment *fragment = exposition_render(identity, health_families, samples);
    samples_free(samples);
    return fragment;
}

static struct fragment *
vcpu(const char *identity, double count)
{
    struct samples *samples = samples_new(&limits);

    samples_add(samples, &online, 1, LABELS("0"));
    samples_add(samples, &vcpus, count, LABELS("online"));
    struct fragment *fragment = exposition_render(identity, vcpu_families, samples);
    samples_free(samples);
    return fragment;
}

static void
body_is(struct store *store, int64_t now_ns, const char *expected)
{
    struct body *body = store_body(store, plain, now_ns);
    char *text = strndup(body->bytes, body->length);

    assert_string_equal(text, expected);
    free(text);
    body_unref(body);
}

#define UP "# HELP qga_up Up.\n# TYPE qga_up gauge\n"
#define ONLINE "# HELP qga_cpu_online Online.\n# TYPE qga_cpu_online gauge\n"
#define VCPUS "# HELP qga_vcpus Number.\n# TYPE qga_vcpus gauge\n"
#define TWO_VCPUS                                                                      \
    ONLINE "qga_cpu_online{d=\"a\",cpu=\"0\"} 1\n" VCPUS                               \
           "qga_vcpus{d=\"a\",state=\"online\"} 2\n"

static void
an_empty_store_has_only_the_trailer(void **state)
{
    (void)state;
    int calls = 0;
    struct store *store = store_new(parts, PARTS, &calls);
    body_is(store, 0, TRAILER);
    store_free(store);
    store = store_new(parts, SLOTS, NULL);
    body_is(store, 0, "");
    store_free(store);
    store_free(NULL);
}

static void
families_are_contiguous_and_guests_in_order(void **state)
{
    (void)state;
    int calls = 0;
    struct store *store = store_new(parts, PARTS, &calls);
    const char *const names[] = {"d=\"b\"", "d=\"c\"", "d=\"a\""};
    for (size_t i = 0; i < 3; i++) {
        struct store_guest *guest = store_guest_add(store, names[i]);

        store_put(store, guest, VCPU, vcpu(names[i], 2), INT64_MAX);
        if (i != 1)
            store_put(store, guest, HEALTH, health(names[i], 1), INT64_MAX);
    }
    body_is(store, 0,
            UP "qga_up{d=\"a\"} 1\nqga_up{d=\"b\"} 1\n" ONLINE
               "qga_cpu_online{d=\"a\",cpu=\"0\"} 1\n"
               "qga_cpu_online{d=\"b\",cpu=\"0\"} 1\n"
               "qga_cpu_online{d=\"c\",cpu=\"0\"} 1\n" VCPUS
               "qga_vcpus{d=\"a\",state=\"online\"} 2\n"
               "qga_vcpus{d=\"b\",state=\"online\"} 2\n"
               "qga_vcpus{d=\"c\",state=\"online\"} 2\n" TRAILER);
    store_free(store);
}

static void
what_is_withdrawn_or_replaced_is_gone(void **state)
{
    (void)state;
    struct store *store = store_new(parts, SLOTS, NULL);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");
    store_put(store, guest, HEALTH, health("d=\"a\"", 1), INT64_MAX);
    body_is(store, 0, UP "qga_up{d=\"a\"} 1\n");
    store_put(store, guest, HEALTH, health("d=\"a\"", 0), INT64_MAX);
    body_is(store, 0, UP "qga_up{d=\"a\"} 0\n");
    store_put(store, guest, HEALTH, NULL, 0);
    body_is(store, 0, "");
    store_free(store);
}

static void
a_removed_guest_is_gone_from_the_next_body(void **state)
{
    (void)state;
    struct store *store = store_new(parts, SLOTS, NULL);
    struct store_guest *guests[40];
    char identity[32];
    for (int i = 0; i < 40; i++) {
        (void)snprintf(identity, sizeof(identity), "d=\"%02d\"", i);
        guests[i] = store_guest_add(store, identity);
        store_put(store, guests[i], HEALTH, health(identity, i), INT64_MAX);
    }
    struct body *before = store_body(store, plain, 0);
    for (int i = 0; i < 40; i++)
        if (i != 7)
            store_guest_remove(store, guests[i]);
    body_is(store, 0, UP "qga_up{d=\"07\"} 7\n");
    assert_non_null(memmem(before->bytes, before->length, "d=\"39\"", 6));
    body_unref(before);
    store_guest_remove(store, guests[7]);
    body_is(store, 0, "");
    store_free(store);
}

static void
an_expired_fragment_is_left_out_at_once(void **state)
{
    (void)state;
    struct store *store = store_new(parts, SLOTS, NULL);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");
    store_put(store, guest, HEALTH, health("d=\"a\"", 1), INT64_MAX);
    store_put(store, guest, VCPU, vcpu("d=\"a\"", 2), 1000);
    struct body *whole = store_body(store, plain, 998);
    struct body *same = store_body(store, plain, 999);
    assert_ptr_equal(whole, same);
    assert_non_null(memmem(whole->bytes, whole->length, "qga_vcpus", 9));
    body_is(store, 1000, UP "qga_up{d=\"a\"} 1\n");
    body_unref(whole);
    body_unref(same);
    store_free(store);
}

static void
what_lasts_is_shown_while_the_store_is_kept(void **state)
{
    (void)state;
    struct store *store = store_new(parts, SLOTS, NULL);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");

    store_put(store, guest, HEALTH, health("d=\"a\"", 1), INT64_MAX);
    store_put(store, guest, VCPU, vcpu("d=\"a\"", 2), 3 * STORE_PATIENCE_NS);
    assert_true(store_is_kept(store, INT64_MAX - 1));
    store_turned(store, 1000);
    assert_true(store_is_kept(store, STORE_PATIENCE_NS + 999));
    body_is(store, STORE_PATIENCE_NS + 999, UP "qga_up{d=\"a\"} 1\n" TWO_VCPUS);
    assert_false(store_is_kept(store, STORE_PATIENCE_NS + 1000));
    body_is(store, STORE_PATIENCE_NS + 1000, TWO_VCPUS);
    store_turned(store, STORE_PATIENCE_NS + 1000);
    body_is(store, STORE_PATIENCE_NS + SECOND_NS + 1001,
            UP "qga_up{d=\"a\"} 1\n" TWO_VCPUS);
    store_free(store);
}

static void
one_body_serves_until_something_changes(void **state)
{
    (void)state;
    int calls = 0;
    struct store *store = store_new(parts, PARTS, &calls);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");
    struct body *one = store_body(store, plain, 5);
    struct body *two = store_body(store, plain, 5 + SECOND_NS);
    assert_ptr_equal(one, two);
    assert_int_equal(calls, 1);
    store_put(store, guest, VCPU, NULL, 0); /* was not there: no change */
    struct body *three = store_body(store, plain, 6);
    assert_ptr_equal(one, three);
    store_put(store, guest, HEALTH, health("d=\"a\"", 1), INT64_MAX);
    struct body *four = store_body(store, plain, 6);
    assert_ptr_not_equal(one, four);
    assert_int_equal(calls, 2);
    struct body *five = store_body(store, plain, 7 + SECOND_NS);
    assert_ptr_not_equal(four, five);
    assert_int_equal(calls, 3);
    assert_int_equal(one->length, strlen(TRAILER));
    body_unref(one);
    body_unref(two);
    body_unref(three);
    body_unref(four);
    store_free(store);
    assert_int_equal(atomic_load(&five->references), 1); /* outlives the store */
    body_unref(five);
}

static void
formats_are_kept_side_by_side(void **state)
{
    (void)state;
    int calls = 0;
    struct store *store = store_new(parts, PARTS, &calls);
    struct body *text = store_body(store, plain, 0);
    struct body *open = store_body(store, openmetrics, 0);
    assert_int_equal(calls, 2);
    assert_int_equal(open->length, strlen("# TYPE own gauge\n# HELP own Own.\nown 1\n"
                                          "# EOF\n"));
    assert_memory_equal(open->bytes + open->length - 6, "# EOF\n", 6);
    body_unref(text);
    body_unref(open);
    body_unref(store_body(store, plain, 1));
    body_unref(store_body(store, openmetrics, 1));
    assert_int_equal(calls, 2);
    store_free(store);
}

static void
gzip_is_made_once(void **state)
{
    (void)state;
    int calls = 0;
    struct store *store = store_new(parts, PARTS, &calls);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");
    struct body *one = store_body(store, gzip, 5);
    assert_memory_equal(one->bytes, "\x1f\x8b", 2);
    struct body *two = store_body(store, gzip, 5 + SECOND_NS);
    assert_ptr_equal(one, two);
    body_is(store, 5, TRAILER); /* beside it, not instead */
    assert_int_equal(calls, 2);
    struct body *three = store_body(store, gzip, 5);
    assert_ptr_equal(one, three);
    store_put(store, guest, HEALTH, health("d=\"a\"", 1), INT64_MAX);
    struct body *four = store_body(store, gzip, 5);
    assert_ptr_not_equal(one, four);
    body_unref(one);
    body_unref(two);
    body_unref(three);
    body_unref(four);
    store_free(store);
}

/* What the text has of the selection; NULL: it is refused with the problem. */
static void
selected_is(struct store *store, const char *key, const char *value,
            const char *expected)
{
    struct selection selection;

    store_select(store, &selection);
    selection_add(&selection, key, value);
    selection_close(&selection);
    assert_string_equal(selection.problem, "");
    struct body *body = store_selected_body(store, &selection, plain, 0);
    char *text = body ? strndup(body->bytes, body->length) : NULL;

    if (expected)
        assert_string_equal(text ? text : "(refused)", expected);
    else
        assert_string_not_equal(selection.problem, "");
    free(text);
    body_unref(body);
    selection_free(&selection);
}

static void
a_selection_is_the_whole_less_the_rest(void **state)
{
    (void)state;
    int calls = 0;
    struct store *store = store_new(parts, PARTS, &calls);
    const char *const names[] = {"domain=\"a\"", "domain=\"ab\",source=\"s\""};
    for (size_t i = 0; i < 2; i++) {
        struct store_guest *guest = store_guest_add(store, names[i]);

        store_put(store, guest, HEALTH, health(names[i], 1), INT64_MAX);
        store_put(store, guest, VCPU, vcpu(names[i], 2), i == 0 ? INT64_MAX : 0);
    }
    selected_is(store, "collect[]", "health",
                UP "qga_up{domain=\"a\"} 1\nqga_up{domain=\"ab\",source=\"s\"} 1\n");
    assert_int_equal(calls, 0);
    selected_is(
        store, "exclude[]", "vcpu",
        UP "qga_up{domain=\"a\"} 1\nqga_up{domain=\"ab\",source=\"s\"} 1\n" TRAILER);
    assert_int_equal(calls, 1);
    selected_is(store, "name[]", "qga_vcpus",
                VCPUS "qga_vcpus{domain=\"a\",state=\"online\"} 2\n");
    selected_is(store, "domain[]", "ab", UP "qga_up{domain=\"ab\",source=\"s\"} 1\n");
    selected_is(store, "domain[]", "abc", NULL);
    selected_is(store, "collect[]", "own", TRAILER);
    store_free(store);
}

/* A body that nobody would get any more does not stay until its format is asked for. */
static void
what_is_kept_for_nobody_is_let_go(void **state)
{
    (void)state;
    struct store *store = store_new(parts, SLOTS, NULL);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");
    struct body *text = store_body(store, plain, 0);
    assert_int_equal(atomic_load(&text->references), 2);
    store_put(store, guest, HEALTH, health("d=\"a\"", 1), INT64_MAX);
    body_unref(store_body(store, openmetrics, 6 * SECOND_NS));
    assert_int_equal(atomic_load(&text->references), 1);
    body_unref(text);
    store_free(store);
}

struct traffic {
    struct store *store;
    atomic_bool stop;
    atomic_int torn; /* cmocka's asserts are for the main thread alone */
};

static void *
read_bodies(void *argument)
{
    struct traffic *traffic = argument;

    for (int64_t now_ns = 0; !atomic_load(&traffic->stop); now_ns++) {
        struct body *body = store_body(traffic->store, plain, now_ns);

        if (body->length > 0 && body->bytes[body->length - 1] != '\n')
            atomic_fetch_add(&traffic->torn, 1);
        body_unref(body);
    }
    return NULL;
}

static void
writers_and_readers_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct traffic traffic = {.store = store_new(parts, SLOTS, NULL)};
    pthread_t readers[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_bodies, &traffic), 0);
    for (int i = 0; i < 300; i++) {
        struct store_guest *guest = store_guest_add(traffic.store, "d=\"a\"");

        store_put(traffic.store, guest, VCPU, vcpu("d=\"a\"", i), i);
        store_put(traffic.store, guest, HEALTH, health("d=\"a\"", i), INT64_MAX);
        store_put(traffic.store, guest, HEALTH, NULL, 0);
        store_guest_remove(traffic.store, guest);
    }
    atomic_store(&traffic.stop, true);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(atomic_load(&traffic.torn), 0);
    body_is(traffic.store, INT64_MAX - 1, "");
    store_free(traffic.store);
}

static void
test_renewed_fragments_live_longer(void **state)
{
    (void)state;
    struct store *store = store_new(parts, SLOTS, NULL);
    struct store_guest *guest = store_guest_add(store, "d=\"a\"");
    assert_false(store_renew(store, guest, VCPU, 5000));
    store_put(store, guest, VCPU, vcpu("d=\"a\"", 2), 1000);
    assert_true(store_renew(store, guest, VCPU, 5000));
    struct body *body = store_body(store, plain, 4999);
    assert_non_null(memmem(body->bytes, body->length, "d=\"a\"", 5));
    body_unref(body);
    body = store_body(store, plain, 5000);
    assert_null(memmem(body->bytes, body->length, "d=\"a\"", 5));
    body_unref(body);
    store_free(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renewed_fragments_live_longer),
        cmocka_unit_test(an_empty_store_has_only_the_trailer),
        cmocka_unit_test(families_are_contiguous_and_guests_in_order),
        cmocka_unit_test(what_is_withdrawn_or_replaced_is_gone),
        cmocka_unit_test(a_removed_guest_is_gone_from_the_next_body),
        cmocka_unit_test(an_expired_fragment_is_left_out_at_once),
        cmocka_unit_test(what_lasts_is_shown_while_the_store_is_kept),
        cmocka_unit_test(one_body_serves_until_something_changes),
        cmocka_unit_test(formats_are_kept_side_by_side),
        cmocka_unit_test(gzip_is_made_once),
        cmocka_unit_test(a_selection_is_the_whole_less_the_rest),
        cmocka_unit_test(what_is_kept_for_nobody_is_let_go),
        cmocka_unit_test(writers_and_readers_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
