/* The one place that knows how a sample, a label and a header are written, and so the
 * one place that escapes.
 *
 * A fragment is one allocation (struct, offsets, text), so that assembling a body
 * touches as few cache lines as there are. */
#include "store/exposition.h"

#include "base/number.h"
#include "kit/memory.h"
#include "kit/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above what the configured limits of one guest allow; past it whole lines are
 * left out. */
#define FRAGMENT_BYTES_MAX ((size_t)64 << 20)
/* A domain name is a host's file name or less; JSON limits it in neither source. */
#define IDENTITY_BYTES_MAX ((size_t)64 << 10)

/* Writes at most twice the length; returns the end.  HELP text escapes backslash and
 * newline, label values the quote as well. */
static char *
write_escaped(char *out, const char *string, bool quoted)
{
    for (const char *c = string; *c != '\0'; c++) {
        if (*c != '\\' && *c != '\n' && !(quoted && *c == '"')) {
            *out++ = *c;
            continue;
        }
        *out++ = '\\';
        *out++ = *c;
        if (*c == '\n')
            out[-1] = 'n';
    }
    return out;
}

static char *
write_label(char *out, const char *name, const char *value)
{
    out = stpcpy(out, name);
    *out++ = '=';
    *out++ = '"';
    out = write_escaped(out, value, true);
    *out++ = '"';
    return out;
}

/* The label list with its braces; nothing if there is no label. */
static char *
write_labels(char *out, const struct metric *metric, const char *identity,
             const char *const *label_values)
{
    if (identity[0] == '\0' && !metric->labels[0])
        return out;
    *out++ = '{';
    out = stpcpy(out, identity);
    for (size_t i = 0; metric->labels[i]; i++) {
        if (i > 0 || identity[0] != '\0')
            *out++ = ',';
        out = write_label(out, metric->labels[i], label_values[i]);
    }
    *out++ = '}';
    return out;
}

/* name="value" and the comma before it or the brace around it. */
static size_t
label_bytes_max(const char *name, const char *value)
{
    return strlen(name) + 2 * strlen(value) + sizeof("{=\"\"}");
}

void
exposition_line(struct text *out, const struct metric *metric, const char *suffix,
                const char *identity, const char *const *label_values, double value)
{
    size_t bytes_max = strlen(metric->name) + strlen(suffix) + strlen(identity) +
                       sizeof("{} \n") + NUMBER_BYTES;

    for (size_t i = 0; metric->labels[i]; i++)
        bytes_max += label_bytes_max(metric->labels[i], label_values[i]);
    char *place = text_reserve(out, bytes_max);
    if (!place)
        return;
    place = stpcpy(place, metric->name);
    place = stpcpy(place, suffix);
    place = write_labels(place, metric, identity, label_values);
    *place++ = ' ';
    place += number_format(value, place);
    *place++ = '\n';
    text_added(out, place);
}

/* --- headers --- */

static bool
ends_with(const char *name, size_t length, const char *end)
{
    size_t end_length = strlen(end);

    return length > end_length &&
           memcmp(name + length - end_length, end, end_length) == 0;
}

static bool
is_info(const struct metric *metric)
{
    return metric->type == METRIC_GAUGE &&
           ends_with(metric->name, strlen(metric->name), "_info");
}

static const char *
type_name(const struct metric *metric, enum exposition_format format)
{
    switch (metric->type) {
    case METRIC_GAUGE:
        return format == EXPOSITION_OPENMETRICS && is_info(metric) ? "info" : "gauge";
    case METRIC_COUNTER:
        return "counter";
    case METRIC_HISTOGRAM:
        return "histogram";
    }
    abort();
}

/* OpenMetrics names a family without what the type adds to the names of its series. */
static size_t
family_name_length(const struct metric *metric, enum exposition_format format)
{
    size_t length = strlen(metric->name);

    if (format == EXPOSITION_TEXT)
        return length;
    if (metric->type == METRIC_COUNTER && ends_with(metric->name, length, "_total"))
        return length - strlen("_total");
    return is_info(metric) ? length - strlen("_info") : length;
}

/* The unit that the name of the family ends with, or NULL. */
static const char *
unit_of(const struct metric *metric, size_t name_length)
{
    static const char *const endings[] = {"_seconds", "_bytes", "_ratio", "_celsius",
                                          "_sectors"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && !is_info(metric);
         i++)
        if (ends_with(metric->name, name_length, endings[i]))
            return endings[i] + 1;
    return NULL;
}

/* "# TYPE name text" */
static void
header_line(struct text *out, const char *keyword, const struct metric *metric,
            size_t name_length, const char *text, bool quoted)
{
    text_add_string(out, keyword);
    text_add(out, metric->name, name_length);
    text_add(out, " ", 1);
    char *place = text_reserve(out, 2 * strlen(text));
    if (place)
        text_added(out, write_escaped(place, text, quoted));
    text_add(out, "\n", 1);
}

void
exposition_header(struct text *out, const struct metric *metric,
                  enum exposition_format format)
{
    bool open = format == EXPOSITION_OPENMETRICS;
    size_t length = family_name_length(metric, format);
    const char *unit = open ? unit_of(metric, length) : NULL;

    if (!open)
        header_line(out, "# HELP ", metric, length, metric->help, false);
    header_line(out, "# TYPE ", metric, length, type_name(metric, format), false);
    if (unit)
        header_line(out, "# UNIT ", metric, length, unit, false);
    if (open)
        header_line(out, "# HELP ", metric, length, metric->help, true);
}

const char *
exposition_end(enum exposition_format format)
{
    return format == EXPOSITION_OPENMETRICS ? "# EOF\n" : "";
}

/* --- identities --- */

static void
add_identity_label(struct text *out, const char *name, const char *value)
{
    char *valid = memory_new(utf8_clean(value, IDENTITY_BYTES_MAX, NULL) + 1, 1);

    (void)utf8_clean(value, IDENTITY_BYTES_MAX, valid);
    char *place = text_reserve(out, label_bytes_max(name, valid));
    if (place)
        text_added(out, write_label(place, name, valid));
    free(valid);
}

char *
exposition_identity(const char *domain, const char *source)
{
    struct text text = TEXT_INIT(6 * IDENTITY_BYTES_MAX);

    add_identity_label(&text, "domain", domain);
    if (source) {
        text_add(&text, ",", 1);
        add_identity_label(&text, "source", source);
    }
    return text_take(&text, NULL);
}

size_t
families_count(const struct metric *const *families)
{
    size_t count = 0;

    while (families[count])
        count++;
    return count;
}

static _Noreturn void
foreign_family(const struct metric *metric)
{
    (void)fprintf(stderr, "bug: %s is not a family of its collector\n", metric->name);
    abort();
}

/* Which family a sample belongs to; samples come in runs, so the last one is tried
 * first. */
static size_t
family_find(const struct metric *const *families, size_t count, size_t last,
            const struct metric *metric)
{
    if (last < count && families[last] == metric)
        return last;
    for (size_t i = 0; i < count; i++)
        if (families[i] == metric)
            return i;
    foreign_family(metric);
}

/* The samples' indexes by family, each family's in the order of adding (a counting
 * sort); caller frees.  `starts` comes zeroed; afterwards starts[f] to starts[f + 1]
 * are those of family f. */
static size_t *
order_by_family(const struct metric *const *families, size_t count,
                const struct samples *samples, size_t *starts)
{
    size_t total = samples_count(samples);
    size_t *family = memory_new(total, sizeof(*family));
    size_t *order = memory_new(total, sizeof(*order));
    size_t last = 0;

    for (size_t i = 0; i < total; i++) {
        last = family_find(families, count, last, samples_at(samples, i).metric);
        family[i] = last;
        starts[last]++;
    }
    size_t end = 0;
    for (size_t f = 0; f <= count; f++) {
        end += starts[f];
        starts[f] = end;
    }
    for (size_t i = total; i > 0; i--)
        order[--starts[family[i - 1]]] = i - 1;
    free(family);
    return order;
}

/* --- fragments --- */

static struct fragment *
fragment_new(const struct text *text, const size_t *offsets, size_t families)
{
    size_t offsets_bytes = (families + 1) * sizeof(*offsets);
    struct fragment *fragment =
        memory_resize(NULL, sizeof(*fragment) + offsets_bytes + text->length, 1);

    atomic_init(&fragment->references, 1);
    fragment->families = families;
    fragment->offsets = (size_t *)(fragment + 1);
    fragment->text = (char *)(fragment->offsets + families + 1);
    memcpy(fragment->offsets, offsets, offsets_bytes);
    if (text->length > 0)
        memcpy(fragment->text, text->bytes, text->length);
    return fragment;
}

struct fragment_writer
fragment_begin(const struct metric *const *families)
{
    size_t count = families_count(families);

    return (struct fragment_writer){.families = families,
                                    .count = count,
                                    .offsets = memory_new(count + 1, sizeof(size_t)),
                                    .text = TEXT_INIT(FRAGMENT_BYTES_MAX)};
}

void
fragment_family(struct fragment_writer *writer, const struct metric *metric)
{
    do {
        if (writer->begun == writer->count)
            foreign_family(metric);
        writer->offsets[writer->begun] = writer->text.length;
    } while (writer->families[writer->begun++] != metric);
}

void
fragment_single(struct fragment_writer *writer, const struct metric *metric,
                double value)
{
    fragment_family(writer, metric);
    exposition_line(&writer->text, metric, "", "", NULL, value);
}

struct fragment *
fragment_end(struct fragment_writer *writer)
{
    while (writer->begun <= writer->count)
        writer->offsets[writer->begun++] = writer->text.length;
    struct fragment *fragment =
        fragment_new(&writer->text, writer->offsets, writer->count);

    text_free(&writer->text);
    free(writer->offsets);
    return fragment;
}

struct fragment *
exposition_render(const char *identity, const struct metric *const *families,
                  const struct samples *samples)
{
    struct fragment_writer writer = fragment_begin(families);
    size_t *starts = memory_new(writer.count + 1, sizeof(*starts));
    size_t *order = order_by_family(families, writer.count, samples, starts);

    for (size_t f = 0; f < writer.count; f++) {
        fragment_family(&writer, families[f]);
        for (size_t i = starts[f]; i < starts[f + 1]; i++) {
            struct sample sample = samples_at(samples, order[i]);

            exposition_line(&writer.text, sample.metric, "", identity,
                            sample.label_values, sample.value);
        }
    }
    free(order);
    free(starts);
    return fragment_end(&writer);
}

struct fragment *
fragment_ref(struct fragment *fragment)
{
    atomic_fetch_add_explicit(&fragment->references, 1, memory_order_relaxed);
    return fragment;
}

void
fragment_unref(struct fragment *fragment)
{
    if (!fragment)
        return;
    if (atomic_fetch_sub_explicit(&fragment->references, 1, memory_order_acq_rel) == 1)
        free(fragment);
}
