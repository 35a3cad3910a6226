/* Rows of the list. */
#include "pages/rows.h"

#include "kit/memory.h"
#include "pages/query.h"
#include "store/discovery.h"
#include "store/note.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the families stand. */
struct places {
    struct view_family os, clock, uncertainty, size, avail, answered;
};

static struct places
places_in(const struct view *view)
{
    return (struct places){
        .os = view_family(view, "qga_os_info"),
        .clock = view_family(view, "qga_clock_offset_seconds"),
        .uncertainty = view_family(view, "qga_clock_offset_uncertainty_seconds"),
        .size = view_family(view, "qga_filesystem_size_bytes"),
        .avail = view_family(view, "qga_filesystem_avail_bytes"),
        .answered = view_family(view, "qga_agent_last_response_timestamp_seconds"),
    };
}

static bool
read_value(const struct view_guest *guest, struct view_family family, double *value)
{
    struct series_reader reader = view_series(guest, family);
    struct series series;
    bool is_there = series_next(&reader, &series);

    *value = is_there ? series.value : 0;
    series_end(&reader);
    return is_there;
}

static char *
read_system(const struct view_guest *guest, struct view_family family)
{
    struct series_reader reader = view_series(guest, family);
    struct series series;
    const char *name = "";

    if (series_next(&reader, &series)) {
        name = series_label(&series, "pretty_name");
        name = *name ? name : series_label(&series, "name");
    }
    char *system = memory_string(*name ? name : guest->note->os);

    series_end(&reader);
    return system;
}

/* Both families have the same filesystems in the same order, but for those whose other
 * field is missing. */
static void
read_fullest(struct row *row, const struct places *places)
{
    struct series_reader sizes = view_series(row->guest, places->size);
    struct series_reader avails = view_series(row->guest, places->avail);
    struct series size, avail;

    while (series_next(&avails, &avail)) {
        const char *mount_point = series_label(&avail, "mountpoint");
        bool found = false;

        while (!found && series_next(&sizes, &size))
            found = strcmp(series_label(&size, "mountpoint"), mount_point) == 0;
        double used = found && size.value > 0 ? 1 - avail.value / size.value : 0;

        if (!found || size.value <= 0 ||
            (row->fullest.mount_point && used <= row->fullest.used_ratio))
            continue;
        free(row->fullest.mount_point);
        row->fullest.mount_point = memory_string(mount_point);
        row->fullest.used_ratio = used;
    }
    series_end(&sizes);
    series_end(&avails);
}

static struct row
row_make(const struct view_guest *guest, const struct places *places)
{
    struct row row = {.guest = guest, .system = read_system(guest, places->os)};

    row.clock.is_known =
        read_value(guest, places->clock, &row.clock.offset_s) &&
        read_value(guest, places->uncertainty, &row.clock.uncertainty_s);
    (void)read_value(guest, places->answered, &row.answered_s);
    read_fullest(&row, places);
    return row;
}

struct row
row_of(const struct view *view, const struct view_guest *guest)
{
    struct places places = places_in(view);

    return row_make(guest, &places);
}

void
row_clear(struct row *row)
{
    free(row->system);
    free(row->fullest.mount_point);
}

/* --- which --- */

static bool
has_address(const struct discovery_guest *record, const char *search)
{
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; record && i < record->addresses_count; i++) {
        const struct discovery_address *address = &record->addresses[i];

        if (inet_ntop(address->family, address->bytes, text, sizeof(text)) &&
            strcasestr(text, search))
            return true;
    }
    return false;
}

static bool
is_found(const struct row *row, const char *search)
{
    const struct guest_note *note = row->guest->note;

    return strcasestr(note->domain, search) || strcasestr(note->uuid, search) ||
           strcasestr(note->source, search) || strcasestr(row->system, search) ||
           strcasestr(note->agent_version, search) ||
           has_address(row->guest->record, search);
}

const struct view_guest *
row_find(const struct view *view, const char *domain, const char *source)
{
    const struct view_guest *found = NULL;

    for (size_t i = 0; i < view->guests_count; i++) {
        const struct guest_note *note = view->guests[i].note;

        if (strcmp(note->domain, domain) != 0 ||
            (*source && strcmp(note->source, source) != 0))
            continue;
        if (found)
            return NULL;
        found = &view->guests[i];
    }
    return found;
}

/* --- the order --- */

/* What it is ordered by: by the number, then by the text. */
struct key {
    double number;
    const char *text;
};

/* What is not known comes last, in either order. */
static struct key
key_of(enum pages_sort sort, const struct row *row, double unknown)
{
    switch (sort) {
    case SORT_NAME:
        return (struct key){0, row->guest->note->domain};
    case SORT_STATE:
        return (struct key){0, row->guest->note->state};
    case SORT_SYSTEM:
        return (struct key){0, row->system};
    case SORT_AGENT:
        return (struct key){0, row->guest->note->agent_version};
    case SORT_CLOCK:
        return (struct key){row->clock.is_known ? fabs(row->clock.offset_s) : unknown,
                            ""};
    case SORT_FILESYSTEM:
        return (struct key){
            row->fullest.mount_point ? row->fullest.used_ratio : unknown, ""};
    case SORT_ANSWER:
        return (struct key){row->answered_s > 0 ? -row->answered_s : unknown, ""};
    case SORTS:
        break;
    }
    return (struct key){0, ""};
}

static int
compare(const struct row *left, const struct row *right,
        const struct pages_query *query)
{
    double unknown = query->descending ? -INFINITY : INFINITY;
    struct key a = key_of(query->sort, left, unknown);
    struct key b = key_of(query->sort, right, unknown);
    int order = (a.number > b.number) - (a.number < b.number);

    if (order == 0 && (*a.text == '\0') != (*b.text == '\0'))
        return *a.text == '\0' ? 1 : -1;
    if (order == 0)
        order = strcmp(a.text, b.text);
    return query->descending ? -order : order;
}

static int
compare_rows(const void *a, const void *b, void *context)
{
    const struct pages_query *query = context;
    const struct row *left = a, *right = b;
    int order = compare(left, right, query);

    if (order)
        return order;
    order = strcmp(left->guest->note->domain, right->guest->note->domain);
    return order ? order
                 : strcmp(left->guest->note->source, right->guest->note->source);
}

struct rows
rows_of(const struct view *view, const struct pages_query *query)
{
    struct places places = places_in(view);
    struct pages_query order = *query;
    struct rows rows = {.rows = memory_new(view->guests_count, sizeof(struct row)),
                        .guests_count = view->guests_count};

    for (size_t i = 0; i < view->guests_count; i++) {
        const struct view_guest *guest = &view->guests[i];

        if (query->state && strcmp(guest->note->state, query->state) != 0)
            continue;
        struct row row = row_make(guest, &places);

        if (is_found(&row, query->search))
            rows.rows[rows.count++] = row;
        else
            row_clear(&row);
    }
    if (rows.count > 0)
        qsort_r(rows.rows, rows.count, sizeof(struct row), compare_rows, &order);
    return rows;
}

void
rows_free(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_clear(&rows->rows[i]);
    free(rows->rows);
}
