/* The doctor's rows as a table and as JSON. */
#include "doctor/report.h"

#include "base/text.h"
#include "config/config.h"
#include "doctor/diagnosis.h"
#include "doctor/doctor.h"
#include "doctor/words.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Rows and findings are limited in size, and there is one row for each guest. */
#define REPORT_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define COLUMNS_MAX 8
#define COLUMN_WIDTH_MAX 40

/* --- the table --- */

/* Each is free()d. */
struct line {
    char *cells[COLUMNS_MAX];
    size_t count;
};

/* Characters, of valid UTF-8: what doctor_escape() gives. */
static size_t
width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static const char *
mark_word(enum doctor_mark mark)
{
    static const char *const words[] = {
        [MARK_UNTRIED] = "-", [MARK_PASSED] = "ok", [MARK_FAILED] = "FAILED"};

    return words[mark];
}

static void
add_cell(struct line *line, const char *text)
{
    line->cells[line->count++] = doctor_escape(*text ? text : "-");
}

static struct line
head_line(bool with_sources)
{
    struct line line = {0};

    add_cell(&line, "DOMAIN");
    if (with_sources)
        add_cell(&line, "SOURCE");
    add_cell(&line, "STATE");
    add_cell(&line, "AGENT");
    add_cell(&line, "CHANNEL");
    add_cell(&line, "SERVICE");
    add_cell(&line, "ANSWER");
    return line;
}

static struct line
row_line(const struct doctor_row *row, bool with_sources)
{
    struct line line = {0};

    add_cell(&line, row->domain);
    if (with_sources)
        add_cell(&line, row->source);
    add_cell(&line, row->state);
    add_cell(&line, row->agent_version);
    for (size_t step = 0; step < STEPS; step++)
        add_cell(&line, mark_word(row->steps[step]));
    return line;
}

static void
free_line(struct line *line)
{
    for (size_t i = 0; i < line->count; i++)
        free(line->cells[i]);
}

static void
widen(size_t widths[COLUMNS_MAX], struct line line)
{
    for (size_t i = 0; i < line.count; i++) {
        size_t width = width_of(line.cells[i]);

        if (width > COLUMN_WIDTH_MAX)
            width = COLUMN_WIDTH_MAX; /* it will stick out of its own line alone */
        widths[i] = width > widths[i] ? width : widths[i];
    }
    free_line(&line);
}

static void
write_line(struct text *out, const size_t widths[COLUMNS_MAX], struct line line)
{
    for (size_t i = 0; i < line.count; i++) {
        size_t width = width_of(line.cells[i]);

        text_add_string(out, line.cells[i]);
        if (i + 1 == line.count)
            break;
        size_t padding = width < widths[i] ? widths[i] - width : 0;

        text_add_format(out, "%*s", (int)padding + 2, "");
    }
    text_add_string(out, "\n");
    free_line(&line);
}

static void
write_findings(struct text *out, const struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        const struct doctor_finding *finding = &row->findings[i];

        text_add_format(out, "    %s: %s\n", finding->is_fault ? "fault" : "note",
                        finding->text);
        for (size_t j = 0; j < DOCTOR_REMEDIES_MAX && finding->remedies[j]; j++)
            text_add_format(out, "    %s %s\n",
                            j == 0 ? "remedy:" : "  then:", finding->remedies[j]);
    }
}

static void
write_rows(struct text *out, const struct doctor *doctor)
{
    bool with_sources = doctor->config->sources_count > 1;
    size_t widths[COLUMNS_MAX] = {0};

    widen(widths, head_line(with_sources));
    for (size_t i = 0; i < doctor->rows_count; i++)
        widen(widths, row_line(&doctor->rows[i], with_sources));
    write_line(out, widths, head_line(with_sources));
    for (size_t i = 0; i < doctor->rows_count; i++) {
        write_line(out, widths, row_line(&doctor->rows[i], with_sources));
        write_findings(out, &doctor->rows[i]);
    }
}

static size_t
faulty_rows(const struct doctor *doctor)
{
    size_t count = 0;

    for (size_t i = 0; i < doctor->rows_count; i++)
        count += !doctor_row_is_well(&doctor->rows[i]);
    return count;
}

static void
write_sources_away(struct text *out, const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->sources_count; i++) {
        const struct doctor_source *source = &doctor->sources[i];

        if (source->is_up)
            continue;
        char *place = doctor_escape(doctor_source_place(source->config));

        text_add_format(out, "source %s%s%s is away: %s\n    remedy: %s\n",
                        source->config->name, *source->config->name ? " " : "", place,
                        source->why, source->remedy);
        free(place);
    }
}

char *
doctor_table(const struct doctor *doctor)
{
    struct text out = TEXT_INIT(REPORT_BYTES_MAX);
    size_t faulty = faulty_rows(doctor), length;

    if (doctor->rows_count > 0)
        write_rows(&out, doctor);
    write_sources_away(&out, doctor);
    if (doctor->rows_count == 0)
        text_add_string(&out, "no running domain was found\n");
    else
        text_add_format(&out, "%s%zu of %zu %s\n", faulty > 0 ? "\n" : "",
                        doctor->rows_count - faulty, doctor->rows_count,
                        doctor->rows_count == 1 ? "domain is well"
                                                : "domains are well");
    return text_take(&out, &length);
}

/* --- JSON --- */

/* As it is, if it is UTF-8. */
static json_t *
json_text(const char *text)
{
    json_t *value = json_string(text);

    if (value)
        return value;
    char *escaped = doctor_escape(text);

    value = json_string(escaped);
    free(escaped);
    return value;
}

static json_t *
json_text_or_null(const char *text)
{
    return text && *text ? json_text(text) : json_null();
}

static json_t *
json_finding(const struct doctor_finding *finding)
{
    json_t *remedies = json_array();

    for (size_t i = 0; i < DOCTOR_REMEDIES_MAX && finding->remedies[i]; i++)
        json_array_append_new(remedies, json_text(finding->remedies[i]));
    return json_pack("{s:s, s:b, s:o, s:o}", "problem", finding->problem, "fault",
                     finding->is_fault, "text", json_text(finding->text), "remedies",
                     remedies);
}

static json_t *
json_steps(const struct doctor_row *row)
{
    static const char *const words[] = {
        [MARK_UNTRIED] = "untried", [MARK_PASSED] = "ok", [MARK_FAILED] = "failed"};
    json_t *steps = json_object();

    for (int step = 0; step < STEPS; step++)
        json_object_set_new(steps, doctor_step_name((enum doctor_step)step),
                            json_string(words[row->steps[step]]));
    return steps;
}

static json_t *
json_row(const struct doctor_row *row)
{
    json_t *findings = json_array();

    for (size_t i = 0; i < row->findings_count; i++)
        json_array_append_new(findings, json_finding(&row->findings[i]));
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "domain",
        json_text(row->domain), "uuid", json_text_or_null(row->uuid), "source",
        json_text_or_null(row->source), "state", row->state, "well",
        doctor_row_is_well(row), "agent_version", json_text_or_null(row->agent_version),
        "os", json_text_or_null(row->os), "os_from", json_text_or_null(row->os_from),
        "steps", json_steps(row), "failed_step",
        json_text_or_null(doctor_row_failed_step(row)), "findings", findings);
}

static json_t *
json_source(const struct doctor_source *source)
{
    return json_pack("{s:o, s:o, s:b, s:o, s:o}", "source",
                     json_text_or_null(source->config->name), "place",
                     json_text(doctor_source_place(source->config)), "up",
                     source->is_up, "text", json_text_or_null(source->why), "remedy",
                     json_text_or_null(source->remedy));
}

char *
doctor_json(const struct doctor *doctor)
{
    json_t *domains = json_array(), *sources = json_array();

    for (size_t i = 0; i < doctor->rows_count; i++)
        json_array_append_new(domains, json_row(&doctor->rows[i]));
    for (size_t i = 0; i < doctor->sources_count; i++)
        json_array_append_new(sources, json_source(&doctor->sources[i]));
    json_auto_t *report = json_pack("{s:b, s:o, s:o}", "well", doctor_is_well(doctor),
                                    "domains", domains, "sources", sources);
    char *text = json_dumps(report, JSON_INDENT(2));

    if (!text)
        abort(); /* out of memory: every string above is UTF-8 */
    char *line = doctor_format("%s\n", text);

    free(text);
    return line;
}
