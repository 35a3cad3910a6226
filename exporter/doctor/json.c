/* The keys of this JSON stay, whatever the structs do. */
#include "doctor/json.h"

#include "config/config.h"
#include "doctor/diagnosis.h"
#include "doctor/doctor.h"
#include "doctor/words.h"
#include "kit/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Escaped only if it is not UTF-8. */
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
                     json_text(source_config_place(source->config)), "up",
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
    json_auto_t *report =
        json_pack("{s:b, s:o, s:o, s:o}", "well", doctor_is_well(doctor),
                  "configuration", json_text_or_null(doctor->config->path), "domains",
                  domains, "sources", sources);
    char *text = json_dumps(report, JSON_INDENT(2));

    if (!text)
        abort(); /* out of memory: every string above is UTF-8 */
    size_t length = strlen(text);

    text = memory_resize(text, length + 2, 1);
    memcpy(text + length, "\n", 2);
    return text;
}
