/* The overview: what it is, its sources, and its guests by state. */
#include "pages/start.h"

#include "pages/html.h"
#include "store/note.h"
#include "store/view.h"

#include <string.h>

static void
add_source(struct text *out, const struct source_note *source)
{
    text_add_string(out, "<tr><th scope=\"row\">");
    html_add_word(out, *source->name ? source->name : source->kind, WORD_SHORT);
    text_add_string(out, "</th><td>");
    html_add_word(out, source->place, WORD_LONG);
    text_add_string(out, "</td><td>");
    if (source->is_up) {
        text_add_string(out,
                        "<span class=\"state good\">up</span></td><td></td></tr>\n");
        return;
    }
    text_add_string(out, "<span class=\"state bad\">away</span></td><td>");
    html_add_word(out, source->why ? source->why : "", WORD_LONG);
    if (source->remedy) {
        text_add_string(out, "<br><code>");
        html_add_word(out, source->remedy, WORD_LONG);
        text_add_string(out, "</code>");
    }
    text_add_string(out, "</td></tr>\n");
}

static void
add_sources(struct text *out, const struct sources_note *sources)
{
    static const char *const columns[] = {"Source", "Where", "State",
                                          "Why, and what helps", NULL};

    if (!sources || sources->count == 0) {
        text_add_string(out, "<h2>Sources</h2>\n"
                             "<p>None has been looked at yet.</p>\n");
        return;
    }
    html_begin_table(out, "Sources", columns);
    for (size_t i = 0; i < sources->count; i++)
        add_source(out, &sources->sources[i]);
    html_end_table(out);
}

static size_t
count_state(const struct view *view, const char *state)
{
    size_t count = 0;

    for (size_t i = 0; i < view->guests_count; i++)
        count += strcmp(view->guests[i].note->state, state) == 0;
    return count;
}

static void
add_states(struct text *out, const struct view *view, const char *const *states)
{
    text_add_format(out, "<h2>Guests</h2>\n<p><a href=\"/guests\">%zu guests</a></p>\n",
                    view->guests_count);
    text_add_string(out, "<dl>\n");
    for (; *states; states++) {
        size_t count = count_state(view, *states);

        if (count == 0)
            continue;
        text_add_string(out, "<dt>");
        html_add_state(out, *states);
        text_add_format(out, "</dt><dd><a href=\"/guests?state=%s\">%zu</a></dd>\n",
                        *states, count);
    }
    text_add_string(out, "</dl>\n");
}

void
start_page(struct text *out, const struct view *view, const char *const *states,
           const char *version, const char *telemetry_path)
{
    html_begin(out, "Overview", "/");
    text_add_string(out, "<h1>qga-exporter</h1>\n<p>What QEMU guest agents say of the "
                         "inside of this host's guests, for Prometheus. Version ");
    html_add(out, version);
    text_add_string(out, ".</p>\n");
    add_states(out, view, states);
    add_sources(out, view->sources);
    text_add_string(out, "<h2>For programs</h2>\n<ul>\n<li><a href=\"");
    html_add(out, telemetry_path);
    text_add_string(out, "\">Metrics</a></li>\n"
                         "<li><a href=\"/sd\">Guests as targets, for HTTP service "
                         "discovery</a></li>\n"
                         "<li><a href=\"/api/v1/guests\">Guests as JSON</a></li>\n"
                         "<li><a href=\"/-/healthy\">Healthy</a></li>\n"
                         "<li><a href=\"/-/ready\">Ready</a></li>\n</ul>\n");
    html_end(out);
}
