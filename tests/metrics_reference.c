/* Prints docs/METRICS.md: the families of every collector, of the agents' health and of
 * the exporter itself from their tables.  `make docs` keeps the output, `make
 * docs-check` compares it. */
#include "collector.h"
#include "guest/balloon_metrics.h"
#include "guest/domain_metrics.h"
#include "guest/events.h"
#include "guest/guest.h"
#include "guest/health.h"
#include "guest/state.h"
#include "store/telemetry_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_TEXT_BYTES 512

static const char introduction[] =
    "# Metrics\n"
    "\n"
    "<!-- Made by `make docs` from the tables in the code. Do not edit. -->\n"
    "\n"
    "What `/metrics` can hold. Every series of a guest has the labels `domain`, the "
    "name that libvirt has\nfor it, and `source`, the name of the source in the "
    "configuration (without one its kind:\n`libvirt`, `socket` or `proxmox`); they are "
    "not repeated in the tables.\n"
    "\n"
    "- A value that the agent left out is a series left out, never a zero.\n"
    "- Values of a guest are cached: they are as old as "
    "`qga_collector_last_success_timestamp_seconds` of\n  their collector says. Older "
    "than the collector's `max_age`, they are withdrawn. No sample has a\n  "
    "timestamp.\n"
    "- When a guest stops, all its series go; the events of one that panicked stay for "
    "an hour.\n"
    "- Agents since: the first version of QEMU whose agent tells it. Series: how many "
    "of it a guest makes;\n  each limit of the configuration applies besides. Profile: "
    "the "
    "smallest that shows it.\n"
    "- Help texts name the field of the agent's answer. They are the `# HELP` of the "
    "exposition.\n";

static const char *
type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_COUNTER:
        return "counter";
    case METRIC_HISTOGRAM:
        return "histogram";
    default:
        abort();
    }
}

static void
print_cell(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("|<", *c))
            putchar('\\');
        putchar(*c);
    }
}

static bool
ends_with(const char *text, size_t length, const char *end)
{
    size_t end_length = strlen(end);

    return length >= end_length &&
           strncmp(text + length - end_length, end, end_length) == 0;
}

/* By the conventions that hold for all of them: the unit ends the name, what is asked
 * with "Whether" is true or false. */
static const char *
unit_of(const char *name, const char *help)
{
    static const struct {
        const char *ending, *unit;
    } units[] = {
        {"_info", "always 1"},
        {"_timestamp_seconds", "seconds since 1970"},
        {"_start_time_seconds", "seconds since 1970"},
        {"_seconds", "seconds"},
        {"_bytes", "bytes"},
        {"_sectors", "sectors"},
        {"_ratio", "ratio"},
        {"_celsius", "degrees Celsius"},
    };
    size_t length = strlen(name);
    if (strncmp(help, "Whether ", strlen("Whether ")) == 0)
        return "0 or 1";
    if (strstr(help, "lways 1"))
        return "always 1";
    if (ends_with(name, length, "_total"))
        length -= strlen("_total");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (ends_with(name, length, units[i].ending))
            return units[i].unit;
    return "number";
}

/* What a table says besides; the others are in all tables. */
enum columns {
    COLUMNS_PLAIN = 0,
    COLUMN_SINCE = 1 << 0,
    COLUMN_SERIES = 1 << 1,
};

static void
print_table_head(unsigned int columns)
{
    const char *since = columns & COLUMN_SINCE ? " Agents since |" : "";
    const char *series = columns & COLUMN_SERIES ? " Series | Profile |" : "";

    printf("\n| Metric | Type | Unit | Labels |%s%s Meaning |\n", since, series);
    printf("|---|---|---|---|%s%s---|\n", *since != '\0' ? "---|" : "",
           *series != '\0' ? "---|---|" : "");
}

static void
add_label(char text[LABELS_TEXT_BYTES], const char *name)
{
    size_t used = strlen(text);

    (void)snprintf(text + used, LABELS_TEXT_BYTES - used, "%s`%s`",
                   used > 0 ? ", " : "", name);
}

/* The smallest that shows it. */
static const char *
profile_of(const struct metric *metric)
{
    if (metric->essential)
        return "minimal";
    return metric->detail ? "full" : "default";
}

/* `since`: of its collector; NULL: it has none. */
static void
print_metric(const struct metric *metric, const char *since, unsigned int columns)
{
    char labels[LABELS_TEXT_BYTES] = "";

    for (size_t i = 0; metric->labels[i]; i++)
        add_label(labels, metric->labels[i]);
    printf("| `%s` | %s | %s | %s | ", metric->name, type_name(metric->type),
           unit_of(metric->name, metric->help), labels);
    if (columns & COLUMN_SINCE)
        printf("%s | ", metric->since ? metric->since : since);
    if (columns & COLUMN_SERIES)
        printf("%s | %s | ", metric->series ? metric->series : "1", profile_of(metric));
    print_cell(metric->help);
    puts(" |");
}

static void
print_interval(unsigned int interval_s)
{
    if (interval_s % 3600 == 0)
        printf("%u h", interval_s / 3600);
    else if (interval_s % 60 == 0)
        printf("%u min", interval_s / 60);
    else
        printf("%u s", interval_s);
}

/* --- guests --- */

static void
print_collector(const struct collector *collector)
{
    printf("\n## Collector `%s`\n\n`%s`, every ", collector->name, collector->command);
    print_interval(collector->default_interval_s);
    printf(" and %s unless configured otherwise: %s.\n",
           collector->default_disabled ? "off" : "on", collector->help);
    printf("Agents have it since QEMU %s. Series per guest: %s.\n", collector->since,
           collector->series);
    for (const struct filter_spec *filter = collector->filters; filter && filter->key;
         filter++) {
        printf("%s- `%s_include`, `%s_exclude`: ",
               filter == collector->filters ? "\n" : "", filter->key, filter->key);
        print_cell(filter->help);
        puts("");
    }
    print_table_head(COLUMN_SINCE | COLUMN_SERIES);
    for (size_t i = 0; collector->metrics[i]; i++)
        print_metric(collector->metrics[i], collector->since,
                     COLUMN_SINCE | COLUMN_SERIES);
}

static void
print_health(void)
{
    puts(
        "\n## Health of agents and collectors\n\n"
        "There for every domain that runs, also for one whose agent never answered and "
        "for one without an agent.");
    print_table_head(COLUMN_SERIES);
    for (size_t i = 0; health_metrics[i]; i++)
        print_metric(health_metrics[i], NULL, COLUMN_SERIES);
}

static void
print_definition(void)
{
    puts("\n## What the host has for the guest\n\n"
         "From the domain's definition (libvirt), also for a guest without an agent; "
         "read "
         "when the exporter connects, and when the domain starts, its agent comes or "
         "goes, "
         "or its devices, its metadata or its memory change. `qga_domain_info` has the "
         "labels of the section `metadata_labels` of the configuration as well.");
    print_table_head(COLUMN_SERIES);
    for (size_t i = 0; domain_metrics_plain[i]; i++)
        print_metric(domain_metrics_plain[i], NULL, COLUMN_SERIES);
}

static void
print_balloon(void)
{
    puts("\n## Memory by the balloon\n\n"
         "By libvirt, every 15 s unless configured otherwise, without the guest's "
         "agent. "
         "What the guest says itself is there if its domain has a balloon and a period "
         "in "
         "which libvirt asks for it, and the guest a driver for the balloon; what it "
         "said "
         "too long ago is withdrawn (`sources[].libvirt.balloon.max_age`). "
         "docs/troubleshooting.md says how to have it. The names are those of "
         "node_exporter's `meminfo` and `vmstat`.");
    print_table_head(COLUMN_SERIES);
    for (size_t i = 0; balloon_metrics[i]; i++)
        print_metric(balloon_metrics[i], NULL, COLUMN_SERIES);
    for (size_t i = 0; balloon_host_metrics[i]; i++)
        print_metric(balloon_host_metrics[i], NULL, COLUMN_SERIES);
}

static void
print_events(void)
{
    puts(
        "\n## Events by the host\n\n"
        "As libvirt tells them, without the guest's agent; other sources tell none, "
        "and "
        "have no zeros of them. They are counted on when the agent or the guest "
        "restarts, and by a guest that is started again within an hour after it "
        "panicked and was stopped for it (`on_crash`); its events alone are shown "
        "until "
        "then. What happened while the exporter was not there, or libvirt away, is not "
        "known.");
    print_table_head(COLUMN_SERIES);
    for (size_t i = 0; events_metrics[i]; i++)
        print_metric(events_metrics[i], NULL, COLUMN_SERIES);
}

static void
print_states(void)
{
    printf("\nStates:");
    for (int i = 0; i < AGENT_STATES; i++)
        printf("%s `%s`", i > 0 ? "," : "", agent_state_names[i]);
    printf(".\n\nReasons of failures:");
    for (int i = FAILURE_NONE + 1; i < FAILURE_KINDS; i++)
        printf("%s `%s`", i > FAILURE_NONE + 1 ? "," : "",
               failure_kind_name((enum failure_kind)i));
    puts(".");
}

/* --- the exporter's own --- */

static void
print_own(const char *title, const char *part)
{
    puts(title);
    print_table_head(COLUMNS_PLAIN);
    for (size_t i = 0; i < TELEMETRY_PARTS; i++) {
        const struct metric *const *families = telemetry_parts[i].families;

        for (; strcmp(telemetry_parts[i].name, part) == 0 && *families; families++)
            print_metric(*families, NULL, COLUMNS_PLAIN);
    }
}

int
main(void)
{
    fputs(introduction, stdout);
    for (size_t i = 0; i < collectors_count; i++)
        print_collector(collectors[i]);
    print_health();
    print_states();
    print_definition();
    print_balloon();
    print_events();
    print_own("\n## The host's clock\n\nWhat the guests' clocks are compared with.",
              "host");
    print_own("\n## The exporter itself", "exporter");
    print_own("\n## Its process", "process");
    return ferror(stdout) || fflush(stdout) != 0;
}
