/* Rows in columns as wide as what stands in them, with the findings below each. */
#include "doctor/table.h"

#include "base/text.h"
#include "config/config.h"
#include "doctor/common.h"
#include "doctor/diagnosis.h"
#include "doctor/doctor.h"
#include "doctor/words.h"
#include "kit/memory.h"

#include <stdlib.h>

/* Rows and findings are limited in size, and there is one row for each guest. */
#define TABLE_BYTES_MAX ((size_t)256 * 1024 * 1024)
/* What is wider sticks out of its own line alone. */
#define COLUMN_WIDTH_MAX 40

enum { SOURCE_COLUMN = 1, COLUMNS = 7 };

/* One line of the table, each cell to be free()d. */
struct cells {
    char *texts[COLUMNS];
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

static struct cells
head_cells(void)
{
    static const char *const heads[COLUMNS] = {"DOMAIN",  "SOURCE",  "STATE", "AGENT",
                                               "CHANNEL", "SERVICE", "ANSWER"};
    struct cells cells;

    for (size_t i = 0; i < COLUMNS; i++)
        cells.texts[i] = memory_string(heads[i]);
    return cells;
}

static struct cells
row_cells(const struct doctor_row *row)
{
    static const char *const marks[] = {
        [MARK_UNTRIED] = "-", [MARK_PASSED] = "ok", [MARK_FAILED] = "FAILED"};
    const char *const words[COLUMNS] = {
        row->domain,
        row->source,
        row->state,
        row->agent_version,
        marks[row->steps[STEP_CHANNEL]],
        marks[row->steps[STEP_SERVICE]],
        marks[row->steps[STEP_ANSWER]],
    };
    struct cells cells;

    for (size_t i = 0; i < COLUMNS; i++)
        cells.texts[i] = doctor_escape(*words[i] ? words[i] : "-");
    return cells;
}

static void
widen(size_t widths[COLUMNS], const struct cells *cells)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        size_t width = width_of(cells->texts[i]);

        if (width > COLUMN_WIDTH_MAX)
            width = COLUMN_WIDTH_MAX;
        widths[i] = width > widths[i] ? width : widths[i];
    }
}

static void
write_cells(struct text *out, const size_t widths[COLUMNS], bool with_sources,
            struct cells *cells)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        size_t width = width_of(cells->texts[i]);
        size_t padding = width < widths[i] ? widths[i] - width : 0;

        if (i + 1 == COLUMNS)
            text_add_format(out, "%s\n", cells->texts[i]);
        else if (i != SOURCE_COLUMN || with_sources)
            text_add_format(out, "%s%*s", cells->texts[i], (int)padding + 2, "");
        free(cells->texts[i]);
    }
}

static void
write_findings(struct text *out, const struct doctor_row *row)
{
    for (size_t i = 0; i < row->findings_count; i++) {
        const struct doctor_finding *finding = &row->findings[i];

        if (finding->is_common)
            continue;
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
    struct cells head = head_cells(),
                 *rows = memory_new(doctor->rows_count, sizeof(*rows));
    size_t widths[COLUMNS] = {0};

    widen(widths, &head);
    for (size_t i = 0; i < doctor->rows_count; i++) {
        rows[i] = row_cells(&doctor->rows[i]);
        widen(widths, &rows[i]);
    }
    write_cells(out, widths, with_sources, &head);
    for (size_t i = 0; i < doctor->rows_count; i++) {
        write_cells(out, widths, with_sources, &rows[i]);
        write_findings(out, &doctor->rows[i]);
    }
    free(rows);
}

static void
write_sources_away(struct text *out, const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->sources_count; i++) {
        const struct doctor_source *source = &doctor->sources[i];

        if (source->is_up)
            continue;
        char *place = doctor_escape(source_config_place(source->config));

        text_add_format(out, "source %s %s is away: %s\n    remedy: %s\n",
                        source->config->name, place, source->why, source->remedy);
        free(place);
    }
}

char *
doctor_table(const struct doctor *doctor)
{
    struct text out = TEXT_INIT(TABLE_BYTES_MAX);
    size_t faulty = 0;
    const char *path = doctor->config->path;
    char *shown = doctor_escape(path ? path : "no file, all defaults");

    text_add_format(&out, "configuration: %s\n", shown);
    free(shown);
    for (size_t i = 0; i < doctor->rows_count; i++)
        faulty += !doctor_row_is_well(&doctor->rows[i]);
    if (doctor->rows_count > 0)
        write_rows(&out, doctor);
    doctor_common_write(&out, doctor);
    write_sources_away(&out, doctor);
    if (doctor->rows_count == 0 && doctor_all_sources_are_up(doctor))
        text_add_string(&out, "no running domain was found\n");
    else if (doctor->rows_count > 0)
        text_add_format(&out, "%s%zu of %zu %s\n", faulty > 0 ? "\n" : "",
                        doctor->rows_count - faulty, doctor->rows_count,
                        doctor->rows_count == 1 ? "domain is well"
                                                : "domains are well");
    return text_take(&out, NULL);
}
