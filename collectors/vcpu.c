/* Collector vcpu: guest-get-vcpus, the vCPUs and whether the guest uses them. */
#include "collector.h"
#include "kit/guest_json.h"

static const struct metric vcpu_online = {
    .name = "qga_cpu_online",
    .help = "Whether the guest has the vCPU online (guest-get-vcpus online, cached).",
    .type = METRIC_GAUGE,
    .labels = {"cpu"},
    .series = "1 per vCPU",
};
static const struct metric vcpu_count = {
    .name = "qga_vcpus",
    .help = "vCPUs that the guest sees, by state (guest-get-vcpus online, cached).",
    .type = METRIC_GAUGE,
    .labels = {"state"},
    .series = "2",
};
static const struct metric *const vcpu_metrics[] = {
    &vcpu_online,
    &vcpu_count,
    NULL,
};

static int
vcpu_parse(const json_t *reply, const struct exchange *when, struct samples *out,
           struct failure *why)
{
    (void)when;
    struct guest_json list, vcpu;
    size_t online_count = 0, offline_count = 0;
    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &vcpu); i++) {
        char digits[GUEST_JSON_DECIMAL_BYTES];
        int64_t id;
        bool online;

        guest_json_int64(&vcpu, "logical-id", GUEST_REQUIRED, &id);
        guest_json_bool(&vcpu, "online", GUEST_REQUIRED, &online);
        if (!guest_json_is_usable(&vcpu))
            continue;
        samples_add(out, &vcpu_online, online ? 1 : 0,
                    LABELS(guest_json_decimal(id, digits)));
        *(online ? &online_count : &offline_count) += 1;
    }
    /* It runs on something: none is an agent that cannot tell. */
    if (online_count + offline_count > 0 && guest_json_is_whole(&list)) {
        samples_add(out, &vcpu_count, (double)online_count, LABELS("online"));
        samples_add(out, &vcpu_count, (double)offline_count, LABELS("offline"));
    }
    return guest_json_result(&list, out);
}

const struct collector vcpu_collector = {
    .name = "vcpu",
    .help = "vCPUs and whether the guest uses them",
    .command = "guest-get-vcpus",
    .since = "1.5",
    .series = "2, and 1 per vCPU",
    .default_interval_s = 60,
    .metrics = vcpu_metrics,
    .parse = vcpu_parse,
};
