/* Collector os: guest-get-osinfo, what the guest runs. */
#include "collector.h"
#include "kit/guest_json.h"

static const struct metric os_info = {
    .name = "qga_os_info",
    .help =
        "The guest's operating system and kernel (guest-get-osinfo, cached); a label "
        "is empty where the agent does not say.",
    .type = METRIC_GAUGE,
    .labels = {"id", "name", "pretty_name", "version", "version_id", "kernel_release",
               "kernel_version", "machine", "variant"},
    .essential = true,
};
static const struct metric *const os_metrics[] = {
    &os_info,
    NULL,
};

static int
os_parse(const json_t *reply, const struct exchange *when, struct samples *out,
         struct failure *why)
{
    (void)when;
    /* In the order of the labels.  All are optional: a guest without os-release gives
     * the kernel's alone. */
    static const char *const keys[] = {
        "id",         "name",           "pretty-name",    "version",
        "version-id", "kernel-release", "kernel-version", "machine",
        "variant",
    };
    const char *values[sizeof(keys) / sizeof(*keys)];
    struct guest_json root;
    guest_json_root(&root, reply, why);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        values[i] = guest_json_string(&root, keys[i], GUEST_OPTIONAL);
    samples_add(out, &os_info, 1,
                (struct label_values){values, sizeof(keys) / sizeof(*keys)});
    return guest_json_result(&root, out);
}

static void
os_software(const json_t *reply, struct guest_software *software)
{
    guest_json_copy(reply, "id", software->os_id, sizeof(software->os_id));
}

const struct collector os_collector = {
    .name = "os",
    .help = "the guest's operating system and kernel",
    .command = "guest-get-osinfo",
    .since = "2.10",
    .series = "1",
    .default_interval_s = 3600,
    .metrics = os_metrics,
    .parse = os_parse,
    .software = os_software,
};
