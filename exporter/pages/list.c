/* All guests in a table. */
#include "pages/list.h"

#include "pages/html.h"
#include "pages/query.h"
#include "pages/rows.h"
#include "store/discovery.h"
#include "store/note.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Addresses of a guest in the list. */
#define ADDRESSES_SHOWN 4

static const struct {
    const char *title;
    int sort; /* -1: not by it */
} columns[] = {
    {"Guest", SORT_NAME},         {"State", SORT_STATE},
    {"Why, and what helps", -1},  {"System", SORT_SYSTEM},
    {"Agent", SORT_AGENT},        {"Addresses", -1},
    {"Clock offset", SORT_CLOCK}, {"Fullest filesystem", SORT_FILESYSTEM},
    {"Last answer", SORT_ANSWER},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* --- the form, and links with other parameters --- */

static void
add_query(struct text *out, const struct pages_query *query, const char *sort,
          bool descending, unsigned int page)
{
    text_add_format(out, "/guests?sort=%s%s", descending ? "-" : "", sort);
    if (query->state)
        text_add_format(out, "&amp;state=%s", query->state);
    if (*query->search) {
        text_add_string(out, "&amp;q=");
        html_add_url(out, query->search);
    }
    if (page > 1)
        text_add_format(out, "&amp;page=%u", page);
}

static void
add_option(struct text *out, const char *value, const char *name, bool selected)
{
    text_add_format(out, "<option value=\"%s\"%s>%s</option>\n", value,
                    selected ? " selected" : "", name);
}

static void
add_form(struct text *out, const struct pages_query *query)
{
    text_add_string(out, "<form action=\"/guests\" role=\"search\">\n<label>Name, "
                         "address, system or version\n<input name=\"q\" "
                         "maxlength=\"100\" value=\"");
    html_add(out, query->search);
    text_add_string(out, "\"></label>\n<label>State\n<select name=\"state\">\n");
    add_option(out, "", "any", !query->state);
    for (size_t i = 0; query->states[i]; i++)
        add_option(out, query->states[i], query->states[i],
                   query->state == query->states[i]);
    text_add_string(out, "</select></label>\n<label>Order\n<select name=\"sort\">\n");
    for (size_t i = 0; i < SORTS; i++)
        add_option(out, pages_sort_names[i], pages_sort_names[i],
                   i == (size_t)query->sort && !query->descending);
    for (size_t i = 0; query->descending && i < SORTS; i++) {
        if (i != (size_t)query->sort)
            continue;
        text_add_format(out, "<option value=\"-%s\" selected>%s, reversed</option>\n",
                        pages_sort_names[i], pages_sort_names[i]);
    }
    text_add_string(out, "</select></label>\n<button>Show</button>\n</form>\n");
}

static void
add_head(struct text *out, const struct pages_query *query)
{
    text_add_string(out, "<thead>\n<tr>");
    for (size_t i = 0; i < COLUMNS; i++) {
        bool is_order = columns[i].sort == (int)query->sort;

        text_add_format(out, "<th scope=\"col\"%s%s>", i == 2 ? " class=\"why\"" : "",
                        !is_order           ? ""
                        : query->descending ? " aria-sort=\"descending\""
                                            : " aria-sort=\"ascending\"");
        if (columns[i].sort >= 0) {
            text_add_string(out, "<a href=\"");
            add_query(out, query, pages_sort_names[columns[i].sort],
                      is_order && !query->descending, 1);
            text_add_format(out, "\">%s</a></th>", columns[i].title);
        } else {
            text_add_format(out, "%s</th>", columns[i].title);
        }
    }
    text_add_string(out, "</tr>\n</thead>\n");
}

/* --- a guest --- */

/* false: nothing is known of it, and the cell is empty. */
static bool
begin_cell(struct text *out, size_t column, bool is_known)
{
    if (is_known)
        text_add_format(out, "<td data-label=\"%s\">", columns[column].title);
    else
        text_add_string(out, "<td></td>");
    return is_known;
}

static void
add_why(struct text *out, const struct guest_note *note)
{
    const struct note_finding *reason = guest_note_reason(note);

    if (!begin_cell(out, 2, reason))
        return;
    html_add_word(out, reason->text, WORD_LONG);
    if (reason->remedies[0]) {
        text_add_string(out, "<br><code>");
        html_add_word(out, reason->remedies[0], WORD_LONG);
        text_add_string(out, "</code>");
    }
    text_add_string(out, "</td>");
}

static void
add_word_cell(struct text *out, size_t column, const char *word)
{
    if (!begin_cell(out, column, *word != '\0'))
        return;
    html_add_word(out, word, WORD_SHORT);
    text_add_string(out, "</td>");
}

static void
add_addresses(struct text *out, const struct discovery_guest *record)
{
    char address[INET6_ADDRSTRLEN];
    size_t count = record ? record->addresses_count : 0;

    if (!begin_cell(out, 5, count > 0))
        return;
    for (size_t i = 0; i < count && i < ADDRESSES_SHOWN; i++) {
        if (inet_ntop(record->addresses[i].family, record->addresses[i].bytes, address,
                      sizeof(address)))
            text_add_format(out, "%s%s", i > 0 ? "<br>" : "", address);
    }
    if (count > ADDRESSES_SHOWN)
        text_add_format(out, "<br>and %zu more", count - ADDRESSES_SHOWN);
    text_add_string(out, "</td>");
}

static void
add_clock(struct text *out, const struct row *row)
{
    if (!begin_cell(out, 6, row->clock.is_known))
        return;
    html_add_seconds(out, row->clock.offset_s);
    text_add_string(out, " ± ");
    html_add_seconds(out, row->clock.uncertainty_s);
    text_add_string(out, "</td>");
}

static void
add_fullest(struct text *out, const struct row *row)
{
    if (!begin_cell(out, 7, row->fullest.mount_point))
        return;
    text_add_format(out, "%.0f %% of ", 100 * row->fullest.used_ratio);
    html_add_word(out, row->fullest.mount_point, WORD_SHORT);
    text_add_string(out, "</td>");
}

static void
add_row(struct text *out, const struct row *row, bool with_source, double now_s)
{
    const struct guest_note *note = row->guest->note;

    text_add_string(out, "<tr><th scope=\"row\">");
    html_add_guest_link(out, note->domain, note->source);
    if (with_source) {
        text_add_string(out, " <span class=\"soft\">");
        html_add_word(out, note->source, WORD_SHORT);
        text_add_string(out, "</span>");
    }
    text_add_string(out, "</th>");
    (void)begin_cell(out, 1, true);
    html_add_state(out, note->state);
    text_add_string(out, "</td>");
    add_why(out, note);
    add_word_cell(out, 3, row->system);
    add_word_cell(out, 4, note->agent_version);
    add_addresses(out, row->guest->record);
    add_clock(out, row);
    add_fullest(out, row);
    (void)begin_cell(out, 8, true);
    html_add_age(out, row->answered_s, now_s);
    text_add_string(out, "</td></tr>\n");
}

/* --- the page --- */

static void
add_others(struct text *out, const struct pages_query *query, size_t pages)
{
    const char *sort = pages_sort_names[query->sort];

    if (pages < 2)
        return;
    text_add_string(out, "<p>");
    if (query->page > 1) {
        text_add_string(out, "<a rel=\"prev\" href=\"");
        add_query(out, query, sort, query->descending, query->page - 1);
        text_add_string(out, "\">Previous page</a> ");
    }
    text_add_format(out, "Page %u of %zu", query->page, pages);
    if (query->page < pages) {
        text_add_string(out, " <a rel=\"next\" href=\"");
        add_query(out, query, sort, query->descending, query->page + 1);
        text_add_string(out, "\">Next page</a>");
    }
    text_add_string(out, "</p>\n");
}

void
list_page(struct text *out, const struct view *view, const struct rows *rows,
          const struct pages_query *query, double now_s)
{
    size_t first = (size_t)(query->page - 1) * PAGES_ROWS;
    bool with_source = view->sources && view->sources->count > 1;

    html_begin(out, "Guests", "/guests");
    text_add_string(out, "<h1>Guests</h1>\n");
    add_form(out, query);
    if (view->incomplete) {
        text_add_string(out, "<p role=\"status\">Guests may be lacking: ");
        html_add(out, view->incomplete);
        text_add_string(out, ".</p>\n");
    }
    text_add_format(out, "<p class=\"soft\">%zu of %zu guests.</p>\n", rows->count,
                    rows->guests_count);
    text_add_string(out, "<table class=\"guests\">\n");
    add_head(out, query);
    text_add_string(out, "<tbody>\n");
    for (size_t i = first; i < rows->count && i < first + PAGES_ROWS; i++)
        add_row(out, &rows->rows[i], with_source, now_s);
    text_add_string(out, "</tbody>\n</table>\n");
    add_others(out, query, (rows->count + PAGES_ROWS - 1) / PAGES_ROWS);
    html_end(out);
}
