/* Collector timezone: guest-get-timezone, the guest's time zone. */
#include "collector.h"
#include "kit/guest_json.h"

static const struct metric time_zone_offset = {
    .name = "qga_time_zone_offset_seconds",
    .help = "How far the guest's local time is ahead of UTC (guest-get-timezone "
            "offset, from QEMU 2.10 on, cached); time_zone is its name now, localized "
            "on Windows, and empty where the agent does not say.",
    .type = METRIC_GAUGE,
    .labels = {"time_zone"},
};
static const struct metric *const timezone_metrics[] = {
    &time_zone_offset,
    NULL,
};

static int
timezone_parse(const json_t *reply, const struct exchange *when, struct samples *out,
               struct failure *why)
{
    (void)when;
    struct guest_json root;
    int64_t offset_s;
    guest_json_root(&root, reply, why);
    const char *zone = guest_json_string(&root, "zone", GUEST_OPTIONAL);
    guest_json_int64(&root, "offset", GUEST_REQUIRED, &offset_s);
    samples_add(out, &time_zone_offset, (double)offset_s, LABELS(zone));
    return guest_json_result(&root, out);
}

const struct collector timezone_collector = {
    .name = "timezone",
    .help = "the guest's time zone",
    .command = "guest-get-timezone",
    .since = "2.10",
    .series = "1",
    .default_interval_s = 600,
    .metrics = timezone_metrics,
    .parse = timezone_parse,
};
