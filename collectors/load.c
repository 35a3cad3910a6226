/* Collector load: guest-get-load, the guest's load averages. */
#include "collector.h"
#include "kit/guest_json.h"

#define LOAD(variable, metric_name, minutes, field)                                    \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = "The guest's load average over " minutes " (guest-get-load " field     \
                ", from QEMU 10.0 on, on Windows from 10.2 on, cached); of Linux "     \
                "guests without it by /proc/loadavg, if the collector procfs is on.",  \
        .type = METRIC_GAUGE,                                                          \
    }

LOAD(load_1, "qga_load1", "1 minute", "load1m");
LOAD(load_5, "qga_load5", "5 minutes", "load5m");
LOAD(load_15, "qga_load15", "15 minutes", "load15m");

static const struct metric *const load_metrics[] = {
    &load_1,
    &load_5,
    &load_15,
    NULL,
};

static int
load_parse(const json_t *reply, const struct exchange *when, struct samples *out,
           struct failure *why)
{
    (void)when;
    static const char *const keys[] = {"load1m", "load5m", "load15m"};
    struct guest_json root;
    guest_json_root(&root, reply, why);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        double value;

        if (guest_json_number(&root, keys[i], GUEST_OPTIONAL, &value) && value >= 0)
            samples_add(out, load_metrics[i], value, NO_LABELS);
    }
    if (samples_count(out) == 0)
        guest_json_refuse(&root, "load1m, load5m or load15m");
    return guest_json_result(&root, out);
}

const struct collector load_collector = {
    .name = "load",
    .help = "the guest's load averages",
    .command = "guest-get-load",
    .since = "10.0",
    .series = "3",
    .default_interval_s = 30,
    .metrics = load_metrics,
    .parse = load_parse,
};
