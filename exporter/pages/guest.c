/* All that is known of one guest. */
#include "pages/guest.h"

#include "pages/detail.h"
#include "pages/devices.h"
#include "pages/html.h"
#include "pages/rows.h"
#include "store/note.h"

#include <stdbool.h>

/* --- parts --- */

static void
add_cell(struct text *out, const char *word)
{
    text_add_string(out, "<td>");
    html_add_word(out, word, WORD_LONG);
    text_add_string(out, "</td>");
}

static void
add_head_cell(struct text *out, const char *word)
{
    text_add_string(out, "<th scope=\"row\">");
    html_add_word(out, word, WORD_LONG);
    text_add_string(out, "</th>");
}

/* --- what it is --- */

static void
add_fact(struct text *out, const char *name, const char *word)
{
    if (*word == '\0')
        return;
    text_add_format(out, "<dt>%s</dt><dd>", name);
    html_add_word(out, word, WORD_LONG);
    text_add_string(out, "</dd>\n");
}

static void
add_facts(struct text *out, const struct row *row, const struct detail *detail,
          double now_s)
{
    const struct guest_note *note = row->guest->note;

    text_add_string(out, "<dl>\n<dt>State</dt><dd>");
    html_add_state(out, note->state);
    text_add_string(out, "</dd>\n");
    add_fact(out, "Title", detail->title);
    add_fact(out, "Source", note->source);
    add_fact(out, "UUID", note->uuid);
    add_fact(out, "System", row->system);
    add_fact(out, "Agent", note->agent_version);
    if (row->clock.is_known) {
        text_add_string(out, "<dt>Clock offset</dt><dd>");
        html_add_seconds(out, row->clock.offset_s);
        text_add_string(out, " ± ");
        html_add_seconds(out, row->clock.uncertainty_s);
        text_add_string(out, "</dd>\n");
    }
    text_add_string(out, "<dt>Last answer</dt><dd>");
    html_add_age(out, row->answered_s, now_s);
    text_add_format(out, "</dd>\n<dt>Calls made</dt><dd>%.0f</dd>\n</dl>\n",
                    detail->calls);
}

static void
add_findings(struct text *out, const struct guest_note *note)
{
    for (size_t i = 0; i < note->findings_count; i++) {
        const struct note_finding *finding = &note->findings[i];

        text_add_format(out, "<div class=\"finding%s\">\n<p>",
                        finding->is_fault ? " bad" : "");
        html_add_word(out, finding->text, WORD_LONG);
        text_add_string(out, "</p>\n");
        for (size_t j = 0; j < NOTE_REMEDIES_MAX && finding->remedies[j]; j++) {
            text_add_string(out, "<p><code>");
            html_add_word(out, finding->remedies[j], WORD_LONG);
            text_add_string(out, "</code></p>\n");
        }
        text_add_string(out, "</div>\n");
    }
}

/* --- collectors --- */

static void
add_collector(struct text *out, const struct detail_collector *collector, double now_s)
{
    const struct note_collector *note = collector->note;

    add_head_cell(out, note->name);
    text_add_format(out, "<td><code>%s</code></td><td>", note->command);
    if (*note->avoided)
        text_add_format(out, "no: %s", note->avoided);
    else if (note->is_idle)
        text_add_string(out, "not now");
    else
        html_add_seconds(out, (double)note->interval_ns / 1e9);
    text_add_format(out, "</td><td>%s</td><td>", note->outcome);
    html_add_age(out, collector->data_s, now_s);
    text_add_string(out, "</td><td>");
    if (collector->took_s >= 0)
        html_add_seconds(out, collector->took_s);
    text_add_format(out, "</td><td>%zu</td>", collector->dropped);
}

static void
add_collectors(struct text *out, const struct detail *detail, double now_s)
{
    static const char *const columns[] = {"Collector",      "Command", "Sent every",
                                          "Last outcome",   "Data of", "Took",
                                          "Series dropped", NULL};

    html_begin_table(out, "Collectors", columns);
    for (size_t i = 0; i < detail->collectors_count; i++) {
        text_add_string(out, "<tr>");
        add_collector(out, &detail->collectors[i], now_s);
        text_add_string(out, "</tr>\n");
    }
    html_end_table(out);
}

/* --- filesystems and devices --- */

static void
add_filesystem(struct text *out, const struct detail_filesystem *filesystem)
{
    bool is_known = filesystem->avail_bytes >= 0 && filesystem->size_bytes > 0;

    text_add_string(out, "<tr>");
    add_head_cell(out, filesystem->mount_point);
    add_cell(out, filesystem->device);
    add_cell(out, filesystem->type);
    text_add_string(out, "<td>");
    html_add_bytes(out, filesystem->size_bytes);
    text_add_string(out, "</td><td>");
    if (is_known)
        html_add_bytes(out, filesystem->avail_bytes);
    text_add_string(out, "</td><td>");
    if (is_known)
        text_add_format(out, "%.0f %%",
                        100 * (1 - filesystem->avail_bytes / filesystem->size_bytes));
    text_add_string(out, "</td></tr>\n");
}

static void
add_filesystems(struct text *out, const struct detail *detail)
{
    static const char *const columns[] = {"Mount point", "Device", "Type", "Size",
                                          "Available",   "Used",   NULL};

    if (detail->filesystems_count == 0)
        return;
    html_begin_table(out, "Filesystems", columns);
    for (size_t i = 0; i < detail->filesystems_count; i++)
        add_filesystem(out, &detail->filesystems[i]);
    html_end_table(out);
}

static void
add_devices(struct text *out, const struct view *view, const struct view_guest *guest,
            const struct device_table *table)
{
    struct series_reader reader = view_series(guest, view_family(view, table->family));
    struct series series;
    bool any = false;

    while (series_next(&reader, &series)) {
        if (!any)
            html_begin_table(out, table->title, table->columns);
        any = true;
        text_add_string(out, "<tr>");
        add_head_cell(out, series_label(&series, table->labels[0]));
        for (size_t i = 1; table->labels[i]; i++)
            add_cell(out, series_label(&series, table->labels[i]));
        text_add_string(out, "</tr>\n");
    }
    if (any)
        html_end_table(out);
    series_end(&reader);
}

void
guest_page(struct text *out, const struct view *view, const struct view_guest *guest,
           double now_s)
{
    struct row row = row_of(view, guest);
    struct detail detail = detail_of(view, guest);

    html_begin(out, guest->note->domain, "");
    text_add_string(out, "<h1>");
    html_add_word(out, guest->note->domain, WORD_LONG);
    text_add_string(out, "</h1>\n");
    add_facts(out, &row, &detail, now_s);
    add_findings(out, guest->note);
    add_collectors(out, &detail, now_s);
    add_filesystems(out, &detail);
    for (const struct device_table *table = device_tables; table->title; table++)
        add_devices(out, view, guest, table);
    html_end(out);
    detail_free(&detail);
    row_clear(&row);
}
