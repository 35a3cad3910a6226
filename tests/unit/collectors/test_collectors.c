/* Every collector against the replies of real agents:
 * tests/fixtures/<collector>/CASE.json is a whole reply, CASE.prom what it becomes, or
 * CASE.fail why it becomes nothing. UPDATE_GOLDEN=1 writes them anew; review the
 * difference. */
#include "agent/reply.h"
#include "base/number.h"
#include "base/text.h"
#include "collector.h"
#include "kit/filter.h"
#include "unit/collectors/since.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define CASES_MAX 100

/* When the clock fixtures are taken to have been sent: some time around the recording.
 */
#define SENT_NS INT64_C(1795249215000000000)
#define SPAN_NS INT64_C(2000000)

/* The whole file, or NULL if there is none; caller frees. */
static char *
read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        return NULL;
    char *bytes = malloc(FILE_BYTES_MAX + 1);
    assert_non_null(bytes);
    *length = fread(bytes, 1, FILE_BYTES_MAX, file);
    bytes[*length] = '\0';
    fclose(file);
    return bytes;
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
default_filters(const struct collector *collector, const struct filter *filters[])
{
    struct failure why;

    for (size_t i = 0; collector->filters && collector->filters[i].key; i++) {
        assert_true(i < COLLECTOR_FILTERS_MAX);
        filters[i] = filter_new(NULL, collector->filters[i].default_exclude, &why);
        if (!filters[i])
            fail_msg("%s: %s", collector->name, why.text);
    }
}

static void
free_filters(const struct filter *filters[])
{
    for (size_t i = 0; i < COLLECTOR_FILTERS_MAX; i++)
        filter_free((struct filter *)(uintptr_t)filters[i]);
}

static void
render_label(struct text *out, const char *name, const char *value)
{
    text_add_format(out, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            text_add_format(out, "\\%c", *value);
        else if (*value == '\n')
            text_add_string(out, "\\n");
        else
            text_add(out, value, 1);
    }
    text_add_string(out, "\"");
}

static void
render_sample(struct text *out, const struct collector *collector, struct sample sample)
{
    char number[NUMBER_BYTES];
    size_t family = 0;

    while (collector->metrics[family] && collector->metrics[family] != sample.metric)
        family++;
    assert_non_null(collector->metrics[family]); /* it is in the collector's table */

    text_add_string(out, sample.metric->name);
    for (size_t i = 0; sample.metric->labels[i]; i++) {
        text_add_string(out, i == 0 ? "{" : ",");
        render_label(out, sample.metric->labels[i], sample.label_values[i]);
    }
    text_add_string(out, sample.metric->labels[0] ? "} " : " ");
    text_add(out, number, number_format(sample.value, number));
    text_add_string(out, "\n");
}

/* The next call of a recorded conversation: the collector asks what was asked then, and
 * gets what was answered. */
static enum step
recorded_step(const json_t *recorded, const struct request *request, json_t **answer)
{
    struct failure why = {.kind = FAILURE_NONE};
    json_t *arguments = json_object_get(recorded, "arguments");
    json_t *asked =
        json_loads(*request->arguments ? request->arguments : "{}", 0, NULL);
    char *reply = json_dumps(json_object_get(recorded, "reply"), 0);

    assert_string_equal(request->command,
                        json_string_value(json_object_get(recorded, "execute")));
    assert_true(json_equal(asked, arguments));
    assert_non_null(reply);
    json_decref(*answer);
    *answer = reply_parse(reply, strlen(reply), FILE_BYTES_MAX, &why);
    json_decref(asked);
    free(reply);
    return *answer ? STEP_ANSWERED : STEP_REFUSED;
}

/* Leads it to its end; returns the last answer, or NULL.  `at`: the next call. */
static json_t *
converse(const struct collector *collector, const json_t *calls, size_t *at,
         void *memory)
{
    struct request request;
    json_t *answer = NULL;
    enum step step = STEP_FIRST;

    while (collector->next(step, answer, memory, &request) == NEXT_REQUEST) {
        assert_true(*at < json_array_size(calls));
        step = recorded_step(json_array_get(calls, (*at)++), &request, &answer);
    }
    return answer;
}

/* One conversation after the other, as far as they are recorded; the last is what
 * counts. */
static bool
parse_conversations(const struct collector *collector, const char *bytes,
                    const struct exchange *when, struct samples *samples,
                    struct failure *why)
{
    json_t *document = json_loads(bytes, 0, NULL);
    const json_t *calls = json_object_get(document, "conversation");
    size_t at = 0;
    bool parsed = false;

    assert_true(json_array_size(calls) > 0);
    while (at < json_array_size(calls)) {
        samples_clear(samples);
        why->kind = FAILURE_NONE;
        json_t *answer = converse(collector, calls, &at, when->memory);
        parsed = collector->parse(answer, when, samples, why) == 0;
        json_decref(answer);
    }
    json_decref(document);
    return parsed;
}

static bool
parse_reply(const struct collector *collector, const char *bytes, size_t length,
            const struct exchange *when, struct samples *samples, struct failure *why)
{
    json_t *reply = reply_parse(bytes, length, FILE_BYTES_MAX, why);
    bool parsed = reply && collector->parse(reply, when, samples, why) == 0;

    json_decref(reply);
    return parsed;
}

/* Of the agent that a fixture is from, qga-7.2.json; INT_MAX if its name does not say.
 */
static int
version_of_case(const char *path)
{
    int major, minor;
    const char *name = strrchr(path, '/') + 1;

    if (sscanf(name, "qga-%d.%d", &major, &minor) != 2 &&
        sscanf(name, "agent-%d.%d", &major, &minor) != 2)
        return INT_MAX;
    return 1000 * major + minor;
}

/* What the reference says of a family holds for what a real agent told. */
static void
check_reference(const struct collector *collector, const struct samples *samples,
                const char *path)
{
    for (size_t i = 0; collector->metrics[i]; i++) {
        const struct metric *metric = collector->metrics[i];
        size_t count = 0;

        for (size_t j = 0; j < samples_count(samples); j++)
            count += samples_at(samples, j).metric == metric;
        if (count > 1 && !metric->series)
            fail_msg("%s: %zu series of %s, which says that it has 1", path, count,
                     metric->name);
        if (count > 0 &&
            version_number(metric_since(collector, metric)) > version_of_case(path))
            fail_msg("%s: %s is older than it says", path, metric->name);
    }
}

/* Returns whether it parsed; `out` is the golden text either way. */
static bool
run_case(const struct collector *collector, const char *path, const char *bytes,
         size_t length, struct text *out)
{
    const struct samples_limits limits = {.series_max = 2000, .label_bytes_max = 256};
    const struct filter *filters[COLLECTOR_FILTERS_MAX] = {NULL};
    struct exchange when = {
        .sent_ns = SENT_NS,
        .received_ns = SENT_NS + SPAN_NS,
        .round_trip_ns = SPAN_NS,
        .filters = filters,
        .profile = PROFILE_FULL,
        .memory = calloc(1, collector->memory_bytes + 1),
    };
    struct samples *samples = samples_new(&limits);
    struct failure why = {.kind = FAILURE_NONE};

    default_filters(collector, filters);

    bool parsed = collector->next
                      ? parse_conversations(collector, bytes, &when, samples, &why)
                      : parse_reply(collector, bytes, length, &when, samples, &why);
    assert_int_equal(why.kind != FAILURE_NONE, !parsed);
    if (!parsed)
        text_add_format(out, "%s: %s\n", failure_kind_name(why.kind), why.text);
    for (size_t i = 0; parsed && i < samples_count(samples); i++)
        render_sample(out, collector, samples_at(samples, i));
    if (parsed)
        check_reference(collector, samples, path);
    if (parsed && samples_dropped(samples) > 0)
        text_add_format(out, "# dropped: %zu\n", samples_dropped(samples));
    if (!out->bytes)
        text_add_string(out, "# nothing\n");

    samples_free(samples);
    free_filters(filters);
    free(when.memory);
    return parsed;
}

/* `path` without its ending .json is the case. */
static void
check_case(const struct collector *collector, const char *path)
{
    char golden[512], stale[512];
    size_t length = 0, golden_length = 0;
    char *bytes = read_file(path, &length);

    assert_non_null(bytes);

    struct text out = TEXT_INIT(FILE_BYTES_MAX);
    bool parsed = run_case(collector, path, bytes, length, &out);
    int stem = (int)strlen(path) - (int)strlen(".json");
    (void)snprintf(golden, sizeof(golden), "%.*s.%s", stem, path,
                   parsed ? "prom" : "fail");
    (void)snprintf(stale, sizeof(stale), "%.*s.%s", stem, path,
                   parsed ? "fail" : "prom");
    if (getenv("UPDATE_GOLDEN")) {
        (void)remove(stale);
        write_file(golden, out.bytes);
    }
    char *expected = read_file(golden, &golden_length);
    if (!expected || strcmp(expected, out.bytes) != 0)
        fail_msg("%s: expected:\n%s\nfound (UPDATE_GOLDEN=1 takes it):\n%s", golden,
                 expected ? expected : "(no such file)", out.bytes);
    free(expected);
    free(bytes);
    text_free(&out);
}

/* `path` is a CASE.json.  Replies that were not recorded say where their shape is from,
 * in CASE.txt beside them. */
static void
check_provenance(const char *path)
{
    char source[512];
    size_t length = 0;

    if (!strstr(path, "documented.json") && !strstr(path, "reported.json"))
        return;
    (void)snprintf(source, sizeof(source), "%.*s.txt",
                   (int)(strlen(path) - strlen(".json")), path);
    char *text = read_file(source, &length);
    if (!text || length == 0)
        fail_msg("%s: does not say where the fixture is from", source);
    free(text);
}

static int
is_json(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && strcmp(dot, ".json") == 0;
}

static void
every_fixture_becomes_its_golden_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < collectors_count; i++) {
        char folder[256], path[512];
        struct dirent **entries = NULL;

        (void)snprintf(folder, sizeof(folder), "tests/fixtures/%s",
                       collectors[i]->name);
        int count = scandir(folder, &entries, is_json, alphasort);
        if (count <= 0)
            fail_msg("%s: a collector needs fixtures", folder);
        for (int j = 0; j < count; j++) {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[j]->d_name);
            check_case(collectors[i], path);
            check_provenance(path);
            free(entries[j]);
        }
        free(entries);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fixture_becomes_its_golden_text),
    };

    return cmocka_run_group_tests_name("collectors", tests, NULL, NULL);
}
