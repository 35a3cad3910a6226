/* Snapshots to the text formats of Prometheus and OpenMetrics.  Pure: no I/O, no clock,
 * no globals.  It alone escapes label values and HELP.
 *
 * The text of one collector's series of one guest is rendered once, when the reply
 * comes in (a fragment), and sliced by family, so that a scrape only concatenates.
 * Series text is byte-identical from scrape to scrape, and in both formats: they differ
 * in what stands above the series of a family and at the end. */
#ifndef STORE_EXPOSITION_H
#define STORE_EXPOSITION_H

#include "base/text.h"
#include "kit/metric.h"
#include "kit/samples.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum exposition_format {
    EXPOSITION_TEXT,        /* Prometheus text 0.0.4 */
    EXPOSITION_OPENMETRICS, /* OpenMetrics text 1.0.0 */
};
#define EXPOSITION_FORMATS 2

/* Of a list that ends with NULL, as all lists of families do. */
size_t families_count(const struct metric *const *families);

/* Immutable and reference-counted; may be shared by threads. */
struct fragment {
    atomic_uint references;
    size_t families;
    size_t *offsets; /* families + 1: the slice of families[i] is [offsets[i],
                        offsets[i+1]) */
    char *text;
};

/* `identity` is the rendered label list of the guest, e.g. domain="web-1" (see
 * exposition_identity); "" for none.  Samples of a family that is not in `families`
 * (NULL-terminated) are a bug and abort. */
struct fragment *exposition_render(const char *identity,
                                   const struct metric *const *families,
                                   const struct samples *samples);
struct fragment *fragment_ref(struct fragment *fragment);
void fragment_unref(struct fragment *fragment); /* NULL is fine */

/* Renders `name="value"` pairs, escaped, for all series of a guest; caller frees.  A
 * NULL source is left out.  Bytes that are not UTF-8 become U+FFFD. */
char *exposition_identity(const char *domain, const char *source);

/* What stands above the series of one family. */
void exposition_header(struct text *out, const struct metric *metric,
                       enum exposition_format format);
/* What stands behind all families; static. */
const char *exposition_end(enum exposition_format format);

/* One sample line, or nothing if it does not fit. `suffix` is "" or _bucket, _sum,
 * _count. */
void exposition_line(struct text *out, const struct metric *metric, const char *suffix,
                     const char *identity, const char *const *label_values,
                     double value);

/* A fragment in the making, for families whose series are not a guest's (telemetry):
 * family by family in the order of their list, each begun before its lines are added to
 * `text`; one that is not begun has no series. */
struct fragment_writer {
    const struct metric *const *families;
    size_t count, begun;
    size_t *offsets;
    struct text text;
};
/* `families` is NULL-terminated, and borrowed until the end. */
struct fragment_writer fragment_begin(const struct metric *const *families);
void fragment_family(struct fragment_writer *writer, const struct metric *metric);
/* A family of one series without labels. */
void fragment_single(struct fragment_writer *writer, const struct metric *metric,
                     double value);
struct fragment *fragment_end(struct fragment_writer *writer);

#endif
