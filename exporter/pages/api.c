/* The keys of this JSON stay, whatever the structs do. */
#include "pages/api.h"

#include "base/text.h"
#include "kit/memory.h"
#include "kit/utf8.h"
#include "pages/detail.h"
#include "pages/devices.h"
#include "pages/rows.h"
#include "store/discovery.h"
#include "store/note.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)16 << 10)

/* As it is, but for what is no UTF-8. */
static json_t *
json_text(const char *text)
{
    json_t *value = json_string(text);

    if (value)
        return value;
    size_t length = utf8_clean(text, TEXT_BYTES_MAX, NULL);
    char *clean = memory_new(length + 1, 1);

    (void)utf8_clean(text, TEXT_BYTES_MAX, clean);
    value = json_string(clean);
    free(clean);
    return value;
}

static json_t *
json_text_or_null(const char *text)
{
    return text && *text ? json_text(text) : json_null();
}

static json_t *
json_number_or_null(bool is_known, double number)
{
    return is_known ? json_real(number) : json_null();
}

static json_t *
json_finding(const struct note_finding *finding)
{
    if (!finding)
        return json_null();
    json_t *remedies = json_array();

    for (size_t i = 0; i < NOTE_REMEDIES_MAX && finding->remedies[i]; i++)
        json_array_append_new(remedies, json_text(finding->remedies[i]));
    return json_pack("{s:s, s:b, s:o, s:o}", "problem", finding->problem, "fault",
                     finding->is_fault, "text", json_text(finding->text), "remedies",
                     remedies);
}

static json_t *
json_addresses(const struct discovery_guest *record)
{
    char address[INET6_ADDRSTRLEN];
    json_t *addresses = json_array();

    for (size_t i = 0; record && i < record->addresses_count; i++) {
        if (inet_ntop(record->addresses[i].family, record->addresses[i].bytes, address,
                      sizeof(address)))
            json_array_append_new(addresses, json_string(address));
    }
    return addresses;
}

static json_t *
json_fullest(const struct row *row)
{
    if (!row->fullest.mount_point)
        return json_null();
    return json_pack("{s:o, s:f}", "mountpoint", json_text(row->fullest.mount_point),
                     "used_ratio", row->fullest.used_ratio);
}

static json_t *
json_row(const struct row *row)
{
    const struct guest_note *note = row->guest->note;
    bool has_clock = row->clock.is_known;

    return json_pack(
        "{s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "domain",
        json_text(note->domain), "source", json_text_or_null(note->source), "uuid",
        json_text_or_null(note->uuid), "state", note->state, "well",
        guest_note_is_well(note), "why", json_finding(guest_note_reason(note)),
        "agent_version", json_text_or_null(note->agent_version), "system",
        json_text_or_null(row->system), "addresses", json_addresses(row->guest->record),
        "clock_offset_seconds", json_number_or_null(has_clock, row->clock.offset_s),
        "clock_offset_uncertainty_seconds",
        json_number_or_null(has_clock, row->clock.uncertainty_s), "fullest_filesystem",
        json_fullest(row), "last_response_timestamp_seconds",
        json_number_or_null(row->answered_s > 0, row->answered_s));
}

static int
append(const char *bytes, size_t length, void *out)
{
    text_add(out, bytes, length);
    return 0;
}

void
api_guests(struct text *out, const struct view *view, const struct rows *rows)
{
    json_t *head = json_pack("{s:o, s:i, s:i}", "incomplete",
                             json_text_or_null(view->incomplete), "guests_count",
                             (int)rows->guests_count, "listed_count", (int)rows->count);
    char *start = memory_need(json_dumps(head, JSON_COMPACT));

    json_decref(head);
    text_add(out, start, strlen(start) - 1); /* but for the closing brace */
    free(start);
    text_add_string(out, ",\"guests\":[");
    for (size_t i = 0; i < rows->count; i++) {
        json_t *row = json_row(&rows->rows[i]);

        text_add_string(out, i > 0 ? ",\n" : "\n");
        (void)json_dump_callback(row, append, out, JSON_COMPACT);
        json_decref(row);
    }
    text_add_string(out, "\n]}\n");
}

/* --- one of them --- */

static json_t *
json_collectors(const struct detail *detail)
{
    json_t *collectors = json_array();

    for (size_t i = 0; i < detail->collectors_count; i++) {
        const struct detail_collector *collector = &detail->collectors[i];
        const struct note_collector *note = collector->note;

        json_array_append_new(
            collectors,
            json_pack("{s:s, s:s, s:f, s:b, s:o, s:o, s:o, s:o, s:i}", "collector",
                      note->name, "command", note->command, "interval_seconds",
                      (double)note->interval_ns / 1e9, "sent",
                      !*note->avoided && !note->is_idle, "avoided",
                      json_text_or_null(note->avoided), "outcome",
                      json_text_or_null(note->outcome),
                      "last_success_timestamp_seconds",
                      json_number_or_null(collector->data_s > 0, collector->data_s),
                      "duration_seconds",
                      json_number_or_null(collector->took_s >= 0, collector->took_s),
                      "dropped_series", (int)collector->dropped));
    }
    return collectors;
}

static json_t *
json_filesystems(const struct detail *detail)
{
    json_t *filesystems = json_array();

    for (size_t i = 0; i < detail->filesystems_count; i++) {
        const struct detail_filesystem *filesystem = &detail->filesystems[i];

        json_array_append_new(
            filesystems, json_pack("{s:o, s:o, s:o, s:f, s:o}", "mountpoint",
                                   json_text(filesystem->mount_point), "device",
                                   json_text(filesystem->device), "fstype",
                                   json_text(filesystem->type), "size_bytes",
                                   filesystem->size_bytes, "avail_bytes",
                                   json_number_or_null(filesystem->avail_bytes >= 0,
                                                       filesystem->avail_bytes)));
    }
    return filesystems;
}

static json_t *
json_devices(const struct view *view, const struct view_guest *guest,
             const struct device_table *table)
{
    struct series_reader reader = view_series(guest, view_family(view, table->family));
    struct series series;
    json_t *devices = json_array();

    while (series_next(&reader, &series)) {
        json_t *device = json_object();

        for (const char *const *label = table->labels; *label; label++)
            json_object_set_new(device, *label,
                                json_text(series_label(&series, *label)));
        json_array_append_new(devices, device);
    }
    series_end(&reader);
    return devices;
}

void
api_guest(struct text *out, const struct view *view, const struct view_guest *guest)
{
    const struct guest_note *note = guest->note;
    struct row row = row_of(view, guest);
    struct detail detail = detail_of(view, guest);
    json_t *answer = json_row(&row), *findings = json_array();
    json_t *devices = json_object();

    for (size_t i = 0; i < note->findings_count; i++)
        json_array_append_new(findings, json_finding(&note->findings[i]));
    json_object_set_new(answer, "title", json_text_or_null(detail.title));
    json_object_set_new(answer, "calls_total", json_real(detail.calls));
    json_object_set_new(answer, "findings", findings);
    json_object_set_new(answer, "collectors", json_collectors(&detail));
    json_object_set_new(answer, "filesystems", json_filesystems(&detail));
    for (const struct device_table *table = device_tables; table->title; table++)
        json_object_set_new(devices, table->key, json_devices(view, guest, table));
    json_object_set_new(answer, "devices", devices);
    (void)json_dump_callback(answer, append, out, JSON_INDENT(1));
    text_add_string(out, "\n");
    json_decref(answer);
    detail_free(&detail);
    row_clear(&row);
}
