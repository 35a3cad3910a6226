/* Hostile replies (tests/fixtures/hostile) through the whole way from bytes to text: a
 * named failure, or samples within the limits and a valid exposition.  Every file also
 * goes through every collector, whichever it was written for. */
#include "agent/reply.h"
#include "collector.h"
#include "kit/filter.h"
#include "store/exposition.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REPLY_BYTES_MAX ((size_t)1024 * 1024)
#define SERIES_MAX 2000
#define LABEL_BYTES_MAX 256

struct outcome {
    enum failure_kind kind;
    size_t kept, dropped;
};

static const struct {
    const char *file;
    const char *collector;
    struct outcome expected;
} cases[] = {
    {"not-json.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"empty.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"not-object.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"number.json", "clock", {FAILURE_MALFORMED, 0, 0}},
    {"null-return.json", "clock", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"null-return.json", "os", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"neither-return-nor-error.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"error-not-object.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"error-text.json", "network", {FAILURE_AGENT_ERROR, 0, 0}},
    {"error-empty.json", "network", {FAILURE_AGENT_ERROR, 0, 0}},
    {"cut-short.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"not-utf8.json", "network", {FAILURE_NONE, 1, 0}},
    {"overlong-utf8.json", "network", {FAILURE_NONE, 1, 0}},
    {"lone-surrogate.json", "network", {FAILURE_NONE, 1, 0}},
    {"embedded-nul.json", "network", {FAILURE_NONE, 1, 0}},
    {"nul-byte.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"duplicate-keys.json", "network", {FAILURE_MALFORMED, 0, 0}},
    {"two-returns.json", "vcpu", {FAILURE_MALFORMED, 0, 0}},
    {"number-too-large.json", "clock", {FAILURE_WRONG_SHAPE, 0, 0}},
    /* It costs the series that are made of it. */
    {"number-too-large-network.json", "network", {FAILURE_NONE, 19, 1}},
    {"number-too-large-filesystem.json", "filesystem", {FAILURE_NONE, 4, 1}},
    {"deep.json", "network", {FAILURE_TOO_LARGE, 0, 0}},
    {"deep-unclosed.json", "network", {FAILURE_TOO_LARGE, 0, 0}},
    {"100k-entries.json", "network", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"uint64-network.json", "network", {FAILURE_NONE, 10, 0}},
    {"uint64-filesystem.json", "filesystem", {FAILURE_NONE, 3, 0}},
    {"uint64-clock.json", "clock", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"uint64-vcpu.json", "vcpu", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"label-text-network.json", "network", {FAILURE_NONE, 10, 0}},
    {"label-text-filesystem.json", "filesystem", {FAILURE_NONE, 3, 0}},
    {"label-text-os.json", "os", {FAILURE_NONE, 1, 0}},
    {"label-text-agent.json", "agent", {FAILURE_NONE, 2, 0}},
    {"long-label-os.json", "os", {FAILURE_NONE, 1, 0}},
    /* The 50 names are one after the cut. */
    {"long-names-network.json", "network", {FAILURE_NONE, 1, 49}},
    {"3k-vcpus.json", "vcpu", {FAILURE_NONE, 2000, 1002}},
    {"3k-same-vcpu.json", "vcpu", {FAILURE_NONE, 3, 2999}},
    {"1k-same-commands-agent.json", "agent", {FAILURE_NONE, 2, 999}},
    {"wrong-shape-clock.json", "clock", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-agent.json", "agent", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-vcpu.json", "vcpu", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-os.json", "os", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-network.json", "network", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-filesystem.json", "filesystem", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-devices.json", "devices", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-routes.json", "routes", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-disks.json", "disks", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-diskstats.json", "diskstats", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-cpustats.json", "cpustats", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-users.json", "users", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-load.json", "load", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-timezone.json", "timezone", {FAILURE_WRONG_SHAPE, 0, 0}},
    {"wrong-shape-hostname.json", "hostname", {FAILURE_WRONG_SHAPE, 0, 0}},
};

/* Every line is one sample of this guest: nothing that a guest says starts a line, ends
 * a label or is a comment. */
static void
text_is_valid(const char *text)
{
    static const char identity[] = "{domain=\"g\"";

    while (*text != '\0') {
        size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");

        assert_memory_equal(text, "qga_", 4);
        assert_memory_equal(text + name, identity, sizeof(identity) - 1);
        text += name + sizeof(identity) - 1;
        while (*text == ',') {
            text += 1 + strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_");
            assert_memory_equal(text, "=\"", 2);
            for (text += 2; *text != '"'; text++) {
                assert_true(*text != '\n' && *text != '\0');
                if (*text == '\\')
                    assert_non_null(strchr("\\\"n", *++text));
            }
            text++;
        }
        assert_memory_equal(text, "} ", 2);
        text += 2 + strspn(text + 2, "-+.e0123456789");
        assert_int_equal(*text++, '\n');
    }
}

static void
samples_are_within_limits(const struct collector *collector,
                          const struct samples *samples)
{
    assert_true(samples_count(samples) <= SERIES_MAX);
    for (size_t i = 0; i < samples_count(samples); i++) {
        struct sample sample = samples_at(samples, i);

        for (size_t j = 0; sample.metric->labels[j]; j++)
            assert_true(strlen(sample.label_values[j]) <= LABEL_BYTES_MAX);
    }
    struct fragment *fragment =
        exposition_render("domain=\"g\"", collector->metrics, samples);
    size_t length = fragment->offsets[fragment->families];
    char *text = calloc(1, length + 1);
    assert_non_null(text);
    if (length > 0)
        memcpy(text, fragment->text, length);
    text_is_valid(text);
    free(text);
    fragment_unref(fragment);
}

static struct outcome
collect(const struct collector *collector, const json_t *reply)
{
    const struct samples_limits limits = {SERIES_MAX, LABEL_BYTES_MAX};
    struct filter *owned[COLLECTOR_FILTERS_MAX] = {NULL};
    const struct filter *filters[COLLECTOR_FILTERS_MAX] = {NULL};
    struct failure why = {.kind = FAILURE_NONE};

    for (size_t i = 0; collector->filters && collector->filters[i].key; i++) {
        owned[i] = filter_new(NULL, collector->filters[i].default_exclude, &why);
        filters[i] = owned[i];
    }
    struct exchange when = {.sent_ns = INT64_C(1790000000000000000),
                            .received_ns = INT64_C(1790000000000000000),
                            .filters = filters,
                            .memory = calloc(1, collector->memory_bytes + 1)};
    struct samples *samples = samples_new(&limits);
    struct outcome outcome = {FAILURE_NONE, 0, 0};

    if (collector->parse(reply, &when, samples, &why) == 0) {
        outcome.kept = samples_count(samples);
        outcome.dropped = samples_dropped(samples);
        for (size_t i = 0; i < COLLECTOR_FILTERS_MAX; i++) /* beyond their budget */
            outcome.dropped += filter_undecided(filters[i]);
    } else {
        outcome.kind = why.kind;
        assert_true(why.kind != FAILURE_NONE && why.text[0] != '\0');
    }
    samples_are_within_limits(collector, samples);
    if (collector->command_status)
        (void)collector->command_status(reply, "guest-get-time");

    samples_free(samples);
    free(when.memory);
    for (size_t i = 0; i < COLLECTOR_FILTERS_MAX; i++)
        filter_free(owned[i]);
    return outcome;
}

static struct outcome
run_bytes(const struct collector *collector, const char *bytes, size_t length,
          size_t bytes_max)
{
    struct failure why = {.kind = FAILURE_NONE};
    json_t *reply = reply_parse(bytes, length, bytes_max, &why);

    if (!reply) {
        assert_true(why.kind != FAILURE_NONE && why.text[0] != '\0');
        return (struct outcome){why.kind, 0, 0};
    }
    struct outcome outcome = collect(collector, reply);
    json_decref(reply);
    return outcome;
}

static struct outcome
run_file(const struct collector *collector, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "tests/fixtures/hostile/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: cannot be read", path);
    char *bytes = malloc(REPLY_BYTES_MAX);
    assert_non_null(bytes);
    size_t length = fread(bytes, 1, REPLY_BYTES_MAX, file);
    assert_true(feof(file) || length < REPLY_BYTES_MAX);
    fclose(file);
    /* A copy of the exact size, so that a sanitizer sees a read past the end. */
    char *exact = malloc(length > 0 ? length : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    free(bytes);
    struct outcome outcome = run_bytes(collector, exact, length, REPLY_BYTES_MAX);
    free(exact);
    return outcome;
}

static void
each_file_ends_as_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct collector *collector =
            collectors[collector_find(cases[i].collector)];
        struct outcome found = run_file(collector, cases[i].file);
        struct outcome expected = cases[i].expected;

        if (found.kind != expected.kind || found.kept != expected.kept ||
            found.dropped != expected.dropped)
            fail_msg("%s: %s, %zu kept, %zu dropped; expected %s, %zu, %zu",
                     cases[i].file, failure_kind_name(found.kind), found.kept,
                     found.dropped, failure_kind_name(expected.kind), expected.kept,
                     expected.dropped);
    }
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
every_file_goes_through_every_collector(void **state)
{
    (void)state;
    struct dirent **entries = NULL;
    int count = scandir("tests/fixtures/hostile", &entries, is_visible, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        bool listed = false;

        for (size_t j = 0; j < sizeof(cases) / sizeof(*cases); j++)
            listed |= strcmp(cases[j].file, entries[i]->d_name) == 0;
        if (!listed)
            fail_msg("%s: no case names it", entries[i]->d_name);
        for (size_t j = 0; j < collectors_count; j++)
            (void)run_file(collectors[j], entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* A reply of `count` times `entry`, whose %d is the number of the entry. */
static char *
repeat_entry(const char *head, const char *entry, int count, const char *tail)
{
    size_t room =
        strlen(head) + (size_t)count * (strlen(entry) + 12) + strlen(tail) + 1;
    char *text = malloc(room);

    assert_non_null(text);
    size_t length = (size_t)snprintf(text, room, "%s", head);
    const char *number = strstr(entry, "%d");
    int before = number ? (int)(number - entry) : (int)strlen(entry);
    for (int i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, room - length, "%s%.*s", i ? "," : "",
                                   before, entry);
        if (number)
            length +=
                (size_t)snprintf(text + length, room - length, "%d%s", i, number + 2);
    }
    (void)snprintf(text + length, room - length, "%s", tail);
    return text;
}

static void
repeated(const char *collector, const char *entry, int count, size_t bytes_max,
         struct outcome expected)
{
    char *text = repeat_entry("{\"return\":[", entry, count, "]}");
    struct outcome found =
        run_bytes(collectors[collector_find(collector)], text, strlen(text), bytes_max);

    free(text);
    assert_int_equal(found.kind, expected.kind);
    assert_int_equal(found.kept, expected.kept);
    assert_int_equal(found.dropped, expected.dropped);
}

/* With a reply limit that lets them in: the samples' own limits hold. */
static void
a_hundred_thousand_entries_are_cut_to_the_limit(void **state)
{
    (void)state;
    const size_t large = (size_t)16 * 1024 * 1024;
    repeated("network", "{\"name\":\"e%d\"}", 100000, large,
             (struct outcome){FAILURE_NONE, SERIES_MAX, 98000});
    repeated("network", "{\"name\":\"e\"}", 100000, large,
             (struct outcome){FAILURE_NONE, 1, 99999});
    repeated("network", "{\"name\":\"veth%d\"}", 100000, large,
             (struct outcome){FAILURE_NONE, 0, 0});
    repeated("vcpu", "0", 300000, large, (struct outcome){FAILURE_TOO_LARGE, 0, 0});
    repeated("network", "{\"name\":\"e%d\"}", 100000, REPLY_BYTES_MAX,
             (struct outcome){FAILURE_TOO_LARGE, 0, 0});
}

/* However a real reply is cut or changed in one byte, nothing breaks. */
static void
a_real_reply_cut_anywhere_fails_by_name(void **state)
{
    (void)state;
    const char *reply = "{\"return\":[{\"name\":\"vda1\",\"total-bytes\":10,"
                        "\"mountpoint\":\"/\",\"disk\":"
                        "[{\"serial\":\"s\",\"bus-type\":\"virtio\",\"pci-controller\":"
                        "{\"bus\":0,\"slot\":"
                        "4,\"domain\":0,\"function\":0},\"dev\":\"/dev/"
                        "vda\"}],\"used-bytes\":1,\"type\":"
                        "\"ext4\"}]}";
    const struct collector *collector = collectors[collector_find("filesystem")];
    size_t length = strlen(reply);
    char *changed = malloc(length);
    assert_non_null(changed);
    for (size_t i = 0; i < length; i++) {
        assert_int_equal(run_bytes(collector, reply, i, length).kind,
                         FAILURE_MALFORMED);
        for (int byte = 0; byte < 256; byte++) {
            memcpy(changed, reply, length);
            changed[i] = (char)byte;
            (void)run_bytes(collector, changed, length, length);
        }
    }
    free(changed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_ends_as_expected),
        cmocka_unit_test(every_file_goes_through_every_collector),
        cmocka_unit_test(a_hundred_thousand_entries_are_cut_to_the_limit),
        cmocka_unit_test(a_real_reply_cut_anywhere_fails_by_name),
    };

    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
