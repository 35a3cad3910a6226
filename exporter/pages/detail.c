/* Series of one guest, put beside each other. */
#include "pages/detail.h"

#include "kit/memory.h"
#include "store/note.h"

#include <stdlib.h>
#include <string.h>

/* --- collectors --- */

static struct detail_collector *
find_collector(struct detail *detail, const char *name)
{
    for (size_t i = 0; i < detail->collectors_count; i++) {
        if (strcmp(detail->collectors[i].note->name, name) == 0)
            return &detail->collectors[i];
    }
    return NULL;
}

static void
set_data(struct detail_collector *collector, double value)
{
    collector->data_s = value;
}

static void
set_took(struct detail_collector *collector, double value)
{
    collector->took_s = value;
}

static void
set_dropped(struct detail_collector *collector, double value)
{
    collector->dropped = (size_t)value;
}

static void
read_collectors(struct detail *detail, const struct view *view,
                const struct view_guest *guest)
{
    static const struct {
        const char *family;
        void (*set)(struct detail_collector *collector, double value);
    } families[] = {
        {"qga_collector_last_success_timestamp_seconds", set_data},
        {"qga_collector_duration_seconds", set_took},
        {"qga_collector_dropped_series", set_dropped},
    };
    struct series series;

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct series_reader reader =
            view_series(guest, view_family(view, families[i].family));

        while (series_next(&reader, &series)) {
            struct detail_collector *collector =
                find_collector(detail, series_label(&series, "collector"));

            if (collector)
                families[i].set(collector, series.value);
        }
        series_end(&reader);
    }
}

/* --- filesystems --- */

static void
add_filesystem(struct detail *detail, const struct series *size)
{
    detail->filesystems =
        memory_resize(detail->filesystems, detail->filesystems_count + 1,
                      sizeof(*detail->filesystems));
    detail->filesystems[detail->filesystems_count++] = (struct detail_filesystem){
        .mount_point = memory_string(series_label(size, "mountpoint")),
        .device = memory_string(series_label(size, "device")),
        .type = memory_string(series_label(size, "fstype")),
        .size_bytes = size->value,
        .avail_bytes = -1,
    };
}

static void
set_avail(struct detail *detail, const struct series *avail)
{
    for (size_t i = 0; i < detail->filesystems_count; i++) {
        struct detail_filesystem *filesystem = &detail->filesystems[i];

        if (strcmp(filesystem->mount_point, series_label(avail, "mountpoint")) == 0 &&
            strcmp(filesystem->device, series_label(avail, "device")) == 0)
            filesystem->avail_bytes = avail->value;
    }
}

static void
read_filesystems(struct detail *detail, const struct view *view,
                 const struct view_guest *guest)
{
    struct series_reader sizes =
        view_series(guest, view_family(view, "qga_filesystem_size_bytes"));
    struct series_reader avails =
        view_series(guest, view_family(view, "qga_filesystem_avail_bytes"));
    struct series series;

    while (series_next(&sizes, &series))
        add_filesystem(detail, &series);
    while (series_next(&avails, &series))
        set_avail(detail, &series);
    series_end(&sizes);
    series_end(&avails);
}

/* --- all --- */

static void
read_rest(struct detail *detail, const struct view *view,
          const struct view_guest *guest)
{
    struct series_reader calls =
        view_series(guest, view_family(view, "qga_agent_calls_total"));
    struct series_reader domain =
        view_series(guest, view_family(view, "qga_domain_info"));
    struct series series;

    detail->calls = series_next(&calls, &series) ? series.value : 0;
    detail->title = memory_string(
        series_next(&domain, &series) ? series_label(&series, "title") : "");
    series_end(&calls);
    series_end(&domain);
}

struct detail
detail_of(const struct view *view, const struct view_guest *guest)
{
    const struct guest_note *note = guest->note;
    struct detail detail = {.collectors_count = note->collectors_count};

    detail.collectors = memory_new(note->collectors_count, sizeof(*detail.collectors));
    for (size_t i = 0; i < note->collectors_count; i++)
        detail.collectors[i] =
            (struct detail_collector){.note = &note->collectors[i], .took_s = -1};
    read_collectors(&detail, view, guest);
    read_filesystems(&detail, view, guest);
    read_rest(&detail, view, guest);
    return detail;
}

void
detail_free(struct detail *detail)
{
    for (size_t i = 0; i < detail->filesystems_count; i++) {
        free(detail->filesystems[i].mount_point);
        free(detail->filesystems[i].device);
        free(detail->filesystems[i].type);
    }
    free(detail->filesystems);
    free(detail->collectors);
    free(detail->title);
}
