/* Every family that the exporter can show, in each format: OpenMetrics allows fewer
 * names than the text format does, and a clash would cost the whole scrape. */
#include "poll/publish.h"
#include "store/selection.h"
#include "store/telemetry_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAMES_MAX 2048
#define NAME_BYTES 128

struct names {
    size_t count;
    char names[NAMES_MAX][NAME_BYTES];
};

static void
claim(struct names *all, const char *name, const char *suffix)
{
    char *mine = all->names[all->count];

    assert_true(all->count < NAMES_MAX);
    assert_true(snprintf(mine, NAME_BYTES, "%s%s", name, suffix) < NAME_BYTES);
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->names[i], mine) == 0)
            fail_msg("%s is claimed twice", mine);
    all->count++;
}

/* What a family of the kind may call its series, besides its own name. */
static const struct kind {
    const char *name, *suffixes[5];
} kinds[] = {
    {"gauge", {NULL}},
    {"info", {"_info", NULL}},
    {"counter", {"_total", "_created", NULL}},
    {"histogram", {"_bucket", "_sum", "_count", "_created", NULL}},
};

static void
claim_openmetrics(struct names *all, const struct metric *metric)
{
    struct text header = TEXT_INIT(1 << 16);
    char name[NAME_BYTES], kind[16];
    bool known = false;

    exposition_header(&header, metric, EXPOSITION_OPENMETRICS);
    assert_int_equal(sscanf(header.bytes, "# TYPE %127s %15s", name, kind), 2);
    text_free(&header);
    claim(all, name, "");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, kind) != 0)
            continue;
        known = true;
        for (size_t s = 0; kinds[i].suffixes[s]; s++)
            claim(all, name, kinds[i].suffixes[s]);
    }
    assert_true(known);
}

static bool
ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), end_length = strlen(end);

    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static void
no_family_is_in_the_way_of_another(void **state)
{
    static struct names openmetrics, text, names;
    struct store_part parts[PUBLISH_SLOTS_MAX + TELEMETRY_PARTS];
    size_t count = publish_slots(parts);

    (void)state;
    for (size_t i = 0; i < TELEMETRY_PARTS; i++)
        parts[count++] = telemetry_parts[i];
    for (size_t i = 0; i < count; i++) {
        claim(&names, parts[i].name, "");
        for (size_t f = 0; parts[i].families[f]; f++) {
            const struct metric *metric = parts[i].families[f];

            claim(&text, metric->name, "");
            claim_openmetrics(&openmetrics, metric);
            if (ends_with(metric->name, "_total") != (metric->type == METRIC_COUNTER))
                fail_msg("%s is a counter, or looks like one", metric->name);
        }
    }
    assert_true(text.count > 150);
    assert_true(text.count <= SELECTION_FAMILIES_MAX);
    assert_true(names.count <= SELECTION_PARTS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_family_is_in_the_way_of_another),
    };

    return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
