/* Collector hostname: guest-get-host-name, what the guest calls itself. */
#include "collector.h"
#include "kit/guest_json.h"

/* The name and the label are node_exporter's, so that joins on them carry over; what
 * else stands in node_uname_info is in qga_os_info. */
static const struct metric uname_info = {
    .name = "qga_uname_info",
    .help = "The guest's name for itself, as node_uname_info has it "
            "(guest-get-host-name host-name, from QEMU 2.10 on, cached); \"localhost\" "
            "where it has none, the NetBIOS name on Windows.",
    .type = METRIC_GAUGE,
    .labels = {"nodename"},
};
static const struct metric *const hostname_metrics[] = {
    &uname_info,
    NULL,
};

static int
hostname_parse(const json_t *reply, const struct exchange *when, struct samples *out,
               struct failure *why)
{
    (void)when;
    struct guest_json root;
    guest_json_root(&root, reply, why);
    samples_add(out, &uname_info, 1,
                LABELS(guest_json_string(&root, "host-name", GUEST_REQUIRED)));
    return guest_json_result(&root, out);
}

const struct collector hostname_collector = {
    .name = "hostname",
    .help = "what the guest calls itself",
    .command = "guest-get-host-name",
    .since = "2.10",
    .series = "1",
    .default_interval_s = 600,
    .metrics = hostname_metrics,
    .parse = hostname_parse,
};
