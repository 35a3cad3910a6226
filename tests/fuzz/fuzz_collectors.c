/* The first byte picks a collector ('0' is the first of the registry).  The rest is one
 * reply, or several with a separator (0x1e, 0x1d) between them: whole, or only the
 * value of "return".  All are parsed one after the other with one memory, as a poller
 * does, and what they become must be a valid exposition within the limits. */
#include "agent/reply.h"
#include "collector.h"
#include "fuzz.h"
#include "kit/filter.h"
#include "kit/proc_facts.h"
#include "store/exposition.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define REPLY_BYTES_MAX ((size_t)1024 * 1024)
#define REPLIES_MAX 32
#define SEPARATOR '\x1e'
#define ODD_SEPARATOR '\x1d'
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define START_NS INT64_C(1790000000000000000)
/* So low that small inputs reach them. */
#define SERIES_MAX 40
#define LABEL_BYTES_MAX 24

static const char identity[] = "domain=\"g\"";
static const struct samples_limits limits = {SERIES_MAX, LABEL_BYTES_MAX};

/* The host's clocks around the calls.  Calls follow each other so fast that guest times
 * which stand still agree; after an ODD_SEPARATOR time jumps, or a call is slow, or the
 * host's clock is stepped during it. */
static const struct call {
    int64_t after_ns, span_ns, round_trip_ns;
} ordinary = {100000, 2000000, 2000000},
  odd[] = {
      {NS_PER_S, 900 * NS_PER_MS, 900 * NS_PER_MS},
      {200 * NS_PER_S, NS_PER_MS, NS_PER_MS},
      {-10 * NS_PER_S, NS_PER_MS, NS_PER_MS},
      {NS_PER_S, -5 * NS_PER_S, 3 * NS_PER_MS},
      {NS_PER_S, 0, 0},
      {NS_PER_S, 61 * NS_PER_S, 61 * NS_PER_S},
      {NS_PER_S, 60 * NS_PER_S, 60 * NS_PER_S},
      {INT64_MAX - START_NS - 100000 * NS_PER_S, NS_PER_MS, NS_PER_MS},
};

static void
exchange_next(struct exchange *when, size_t index, char separator)
{
    const struct call *call = &ordinary;

    if (separator == ODD_SEPARATOR)
        call = &odd[index % (sizeof(odd) / sizeof(odd[0]))];
    /* Time ends, and starts anew. */
    if (when->sent_ns > INT64_MAX - 400 * NS_PER_S - call->after_ns)
        when->sent_ns = START_NS;
    when->sent_ns += call->after_ns;
    when->received_ns = when->sent_ns + call->span_ns;
    when->round_trip_ns = call->round_trip_ns;
}

/* A whole reply, or the value of "return" alone; NULL if it is neither. */
static json_t *
read_reply(const char *bytes, size_t length)
{
    static const char head[] = "{\"return\":";
    struct failure why = {.kind = FAILURE_NONE};
    json_t *reply = reply_parse(bytes, length, REPLY_BYTES_MAX, &why);

    if (reply)
        return reply;
    char *wrapped = malloc(sizeof(head) + length);
    REQUIRE(wrapped);
    memcpy(wrapped, head, sizeof(head) - 1);
    memcpy(wrapped + sizeof(head) - 1, bytes, length);
    wrapped[sizeof(head) - 1 + length] = '}';
    reply = reply_parse(wrapped, sizeof(head) + length, REPLY_BYTES_MAX, &why);
    free(wrapped);
    return reply;
}

static const char *
skip_word(const char *text)
{
    REQUIRE((*text >= 'a' && *text <= 'z') || *text == '_');
    return text + strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");
}

/* "...", with the three escapes of the format and no other. */
static const char *
skip_quoted(const char *text)
{
    REQUIRE(*text == '"');
    for (text++; *text != '"'; text++) {
        REQUIRE(*text != '\n' && *text != '\0');
        if (*text == '\\') {
            text++;
            REQUIRE(*text == '\\' || *text == '"' || *text == 'n');
        }
    }
    return text + 1;
}

/* name{domain="g",label="..."} value; returns the next line. */
static const char *
skip_line(const char *text, const struct metric *metric)
{
    size_t name = strlen(metric->name);

    REQUIRE(strncmp(text, metric->name, name) == 0);
    text += name;
    REQUIRE(*text == '{' && strncmp(text + 1, identity, sizeof(identity) - 1) == 0);
    text += sizeof(identity);
    for (size_t i = 0; metric->labels[i]; i++) {
        REQUIRE(*text++ == ',');
        const char *end = skip_word(text);
        REQUIRE((size_t)(end - text) == strlen(metric->labels[i]));
        REQUIRE(strncmp(text, metric->labels[i], (size_t)(end - text)) == 0);
        REQUIRE(*end == '=');
        text = skip_quoted(end + 1);
    }
    REQUIRE(strncmp(text, "} ", 2) == 0);
    char *end;
    REQUIRE(isfinite(strtod(text + 2, &end)));
    REQUIRE(end > text + 2 && *end == '\n');
    return end + 1;
}

/* The number of lines of one family. */
static size_t
family_is_valid(const struct fragment *fragment, size_t family,
                const struct metric *metric)
{
    REQUIRE(fragment->offsets[family] <= fragment->offsets[family + 1]);
    size_t length = fragment->offsets[family + 1] - fragment->offsets[family];
    char *text = malloc(length + 1);
    REQUIRE(text);
    memcpy(text, fragment->text + fragment->offsets[family], length);
    text[length] = '\0';
    REQUIRE(strlen(text) == length);
    json_t *utf8 = json_stringn(text, length); /* NULL if it is not UTF-8 */
    REQUIRE(utf8);
    json_decref(utf8);

    size_t lines = 0;
    for (const char *line = text; *line != '\0'; lines++)
        line = skip_line(line, metric);
    free(text);
    return lines;
}

static bool
same_series(struct sample a, struct sample b)
{
    if (a.metric != b.metric)
        return false;
    for (size_t i = 0; a.metric->labels[i]; i++)
        if (strcmp(a.label_values[i], b.label_values[i]) != 0)
            return false;
    return true;
}

static void
samples_are_within_limits(const struct samples *samples)
{
    REQUIRE(samples_count(samples) <= SERIES_MAX);
    for (size_t i = 0; i < samples_count(samples); i++) {
        struct sample sample = samples_at(samples, i);

        for (size_t j = 0; sample.metric->labels[j]; j++)
            REQUIRE(strlen(sample.label_values[j]) <= LABEL_BYTES_MAX);
        for (size_t j = 0; j < i; j++)
            REQUIRE(!same_series(sample, samples_at(samples, j)));
    }
}

static void
exposition_is_valid(const struct collector *collector, const struct samples *samples)
{
    struct fragment *fragment =
        exposition_render(identity, collector->metrics, samples);
    size_t lines = 0, families = 0;

    for (; collector->metrics[families]; families++)
        lines += family_is_valid(fragment, families, collector->metrics[families]);
    REQUIRE(fragment->families == families && fragment->offsets[0] == 0);
    REQUIRE(lines == samples_count(samples));
    fragment_unref(fragment);
}

/* What is kept is found again. */
static void
facts_are_sound(const struct proc_facts *facts)
{
    bool readonly;

    REQUIRE(facts->mounts_used <= sizeof(facts->mounts));
    for (size_t at = 0; at < facts->mounts_used; at += strlen(facts->mounts + at) + 1) {
        REQUIRE(strnlen(facts->mounts + at, facts->mounts_used - at) <
                facts->mounts_used - at);
        REQUIRE(proc_facts_is_readonly(facts, facts->mounts + at + 1, &readonly));
    }
    REQUIRE(facts->devices_count <= PROC_DEVICES_MAX);
    for (size_t i = 0; i < facts->devices_count; i++)
        REQUIRE(proc_facts_counters(facts, facts->devices[i].name));
}

static void
collect(const struct collector *collector, const json_t *reply,
        const struct exchange *when, struct samples *samples)
{
    struct failure why = {.kind = FAILURE_NONE};

    samples_clear(samples);
    if (collector->next) {
        /* Each reply is the answer to what was asked last, and then all that is had. */
        static bool begun;
        struct request request = {.command = NULL};
        enum step step = begun ? STEP_ANSWERED : STEP_FIRST;
        begun = collector->next(step, begun ? reply : NULL, when->memory, &request) ==
                NEXT_REQUEST;
        REQUIRE(!begun || request.command);
        REQUIRE(strnlen(request.arguments, sizeof(request.arguments)) <
                sizeof(request.arguments));
    }
    if (collector->parse(reply, when, samples, &why) < 0) {
        REQUIRE(why.kind > FAILURE_NONE && why.kind < FAILURE_KINDS);
        REQUIRE(why.text[0] != '\0');
        REQUIRE(strnlen(why.text, sizeof(why.text)) < sizeof(why.text));
    }
    samples_are_within_limits(samples);
    exposition_is_valid(collector, samples);
    if (collector->substitute) {
        samples_clear(samples);
        collector->substitute(when->memory, samples);
        samples_are_within_limits(samples);
        exposition_is_valid(collector->substitutes, samples);
    }
    if (collector->proc_facts)
        facts_are_sound(collector->proc_facts(when->memory));
    if (collector->command_status)
        (void)collector->command_status(reply, "guest-get-time");
}

/* The defaults, compiled at the first input: that takes longer than the rest. */
static const struct filter *const *
default_filters(size_t index)
{
    static struct filter *filters[COLLECTORS_MAX][COLLECTOR_FILTERS_MAX];
    const struct filter_spec *specs = collectors[index]->filters;
    struct failure why;

    for (size_t i = 0; specs && specs[i].key; i++) {
        if (!filters[index][i])
            filters[index][i] = filter_new(NULL, specs[i].default_exclude, &why);
        REQUIRE(filters[index][i]);
    }
    return (const struct filter *const *)filters[index];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t index = (uint8_t)(data[0] - '0') % collectors_count;
    const struct collector *collector = collectors[index];
    struct samples *samples = samples_new(&limits);
    void *memory =
        collector->memory_bytes > 0 ? calloc(1, collector->memory_bytes) : NULL;

    struct exchange when = {.sent_ns = START_NS,
                            .filters = default_filters(index),
                            .profile = PROFILE_FULL,
                            .memory = memory};

    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    char separator = SEPARATOR;
    for (size_t i = 0; i < REPLIES_MAX && at <= end; i++) {
        const char *stop = at;

        while (stop < end && *stop != SEPARATOR && *stop != ODD_SEPARATOR)
            stop++;
        json_t *reply = read_reply(at, (size_t)(stop - at));
        exchange_next(&when, i, separator);
        if (reply)
            collect(collector, reply, &when, samples);
        json_decref(reply);
        separator = stop < end ? *stop : SEPARATOR;
        at = stop + 1;
    }
    free(memory);
    samples_free(samples);
    return 0;
}
