/* Words to HTML. */
#include "pages/html.h"

#include "kit/utf8.h"
#include "pages/style.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
/* Marks above and below one letter; with more of them it reaches into other rows. */
#define MARKS_MAX 3

/* --- words --- */

static void
add_character(struct text *out, const char *bytes, size_t length)
{
    if (length == 1 && strchr("&<>\"'", *bytes))
        text_add_format(out, "&#%d;", *bytes);
    else
        text_add(out, bytes, length);
}

void
html_add(struct text *out, const char *string)
{
    for (; *string != '\0'; string++)
        add_character(out, string, 1);
}

static bool
is_mark(uint32_t code)
{
    return (code >= 0x300 && code <= 0x36f) || (code >= 0x483 && code <= 0x489) ||
           (code >= 0x1ab0 && code <= 0x1aff) || (code >= 0x1dc0 && code <= 0x1dff) ||
           (code >= 0x20d0 && code <= 0x20ff) || (code >= 0xfe20 && code <= 0xfe2f);
}

static void
add_shown(struct text *out, const char *word, size_t characters_max)
{
    unsigned int marks = 0;

    for (; *word != '\0' && characters_max > 0; characters_max--) {
        uint32_t code = 0;
        size_t length = utf8_decode(word, &code);

        marks = is_mark(code) ? marks + 1 : 0;
        if (length == 0)
            text_add_string(out, REPLACEMENT);
        else if (!utf8_is_shown(code) || marks > MARKS_MAX)
            text_add_format(out, "\\u{%x}", (unsigned int)code);
        else
            add_character(out, word, length);
        word += length > 0 ? length : 1;
    }
    if (*word != '\0')
        text_add_string(out, "…");
}

void
html_add_word(struct text *out, const char *word, size_t characters_max)
{
    text_add_string(out, "<bdi>");
    add_shown(out, word, characters_max);
    text_add_string(out, "</bdi>");
}

void
html_add_url(struct text *out, const char *part)
{
    for (; *part != '\0'; part++) {
        if (isascii(*part) && (isalnum(*part) || strchr("-._~", *part)))
            text_add(out, part, 1);
        else
            text_add_format(out, "%%%02X", (unsigned int)(unsigned char)*part);
    }
}

/* --- numbers --- */

void
html_add_seconds(struct text *out, double seconds)
{
    static const struct {
        double below, unit;
        int digits;
        const char *name;
    } units[] = {{1e-3, 1e-6, 0, "µs"},  {0.1, 1e-3, 1, "ms"},     {1, 1e-3, 0, "ms"},
                 {10, 1, 2, "s"},        {120, 1, 0, "s"},         {7200, 60, 0, "min"},
                 {172800, 3600, 0, "h"}, {INFINITY, 86400, 0, "d"}};
    size_t i = 0;

    while (i + 1 < sizeof(units) / sizeof(units[0]) && fabs(seconds) >= units[i].below)
        i++;
    text_add_format(out, "%.*f %s", units[i].digits, seconds / units[i].unit,
                    units[i].name);
}

void
html_add_age(struct text *out, double at_s, double now_s)
{
    if (at_s <= 0) {
        text_add_string(out, "never");
        return;
    }
    if (now_s - at_s < 1) { /* also if the clock was set back */
        text_add_string(out, "now");
        return;
    }
    html_add_seconds(out, floor(now_s - at_s));
    text_add_string(out, " ago");
}

void
html_add_bytes(struct text *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t i = 0;

    for (; bytes >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
        bytes /= 1024;
    text_add_format(out, "%.*f %s", i == 0 || bytes >= 100 ? 0 : 1, bytes, units[i]);
}

/* --- parts of pages --- */

void
html_add_state(struct text *out, const char *state)
{
    static const char *const bad[] = {"unresponsive", "disconnected", "unconfigured",
                                      "denied", "malformed"};
    const char *how = strcmp(state, "responsive") == 0 ? "good" : "other";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        how = strcmp(state, bad[i]) == 0 ? "bad" : how;
    text_add_format(out, "<span class=\"state %s\">", how);
    html_add(out, state);
    text_add_string(out, "</span>");
}

void
html_begin_table(struct text *out, const char *title, const char *const *columns)
{
    text_add_format(out,
                    "<h2>%s</h2>\n<div class=\"box\" role=\"region\" "
                    "aria-label=\"%s\" tabindex=\"0\">\n<table class=\"plain\">\n"
                    "<thead>\n<tr>",
                    title, title);
    for (; *columns; columns++)
        text_add_format(out, "<th scope=\"col\">%s</th>", *columns);
    text_add_string(out, "</tr>\n</thead>\n<tbody>\n");
}

void
html_end_table(struct text *out)
{
    text_add_string(out, "</tbody>\n</table>\n</div>\n");
}

void
html_add_guest_link(struct text *out, const char *domain, const char *source)
{
    text_add_string(out, "<a href=\"/guests/");
    html_add_url(out, domain);
    if (*source) {
        text_add_string(out, "?source=");
        html_add_url(out, source);
    }
    text_add_string(out, "\">");
    html_add_word(out, domain, WORD_SHORT);
    text_add_string(out, "</a>");
}

void
html_begin(struct text *out, const char *title, const char *here)
{
    static const struct {
        const char *path, *name;
    } entries[] = {{"/", "Overview"}, {"/guests", "Guests"}};

    text_add_string(out,
                    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                    "content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    add_shown(out, title, WORD_SHORT);
    text_add_string(
        out,
        " – qga-exporter</title>\n<link rel=\"stylesheet\" href=\"" PAGES_STYLE_PATH
        "\">\n</head>\n<body>\n<header>\n"
        "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n"
        "<nav aria-label=\"Pages\">\n<ul>\n");
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        text_add_format(out, "<li><a href=\"%s\"%s>%s</a></li>\n", entries[i].path,
                        strcmp(entries[i].path, here) == 0 ? " aria-current=\"page\""
                                                           : "",
                        entries[i].name);
    text_add_string(out, "</ul>\n</nav>\n</header>\n<main id=\"main\">\n");
}

void
html_end(struct text *out)
{
    text_add_string(out, "</main>\n</body>\n</html>\n");
}
