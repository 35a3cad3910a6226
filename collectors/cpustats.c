/* Collector cpustats: guest-get-cpustats, what the guest's vCPUs spend their time on.
 */
#include "collector.h"
#include "kit/guest_json.h"

#include <string.h>

static const struct metric cpu_seconds = {
    .name = "qga_cpu_seconds_total",
    .help = "Time that the vCPU spent in each mode, in the guest's eyes "
            "(guest-get-cpustats user, nice, system, idle, iowait, irq, softirq, "
            "steal, from QEMU 7.1 on, cached), in steps of the guest's tick, mostly "
            "10 ms.",
    .type = METRIC_COUNTER,
    .labels = {"cpu", "mode"},
    .series = "8 per vCPU",
};
static const struct metric cpu_guest_seconds = {
    .name = "qga_cpu_guest_seconds_total",
    .help = "Time that the vCPU spent in guests of the guest (guest-get-cpustats "
            "guest, guestnice, from QEMU 7.1 on, cached); qga_cpu_seconds_total has it "
            "in the modes user and nice too.",
    .type = METRIC_COUNTER,
    .labels = {"cpu", "mode"},
    .series = "2 per vCPU",
};
static const struct metric *const cpustats_metrics[] = {
    &cpu_seconds,
    &cpu_guest_seconds,
    NULL,
};

static const struct {
    const char *key; /* of the agent */
    const char *mode;
    const struct metric *metric;
} cpu_times[] = {
    {"user", "user", &cpu_seconds},        {"nice", "nice", &cpu_seconds},
    {"system", "system", &cpu_seconds},    {"idle", "idle", &cpu_seconds},
    {"iowait", "iowait", &cpu_seconds},    {"irq", "irq", &cpu_seconds},
    {"softirq", "softirq", &cpu_seconds},  {"steal", "steal", &cpu_seconds},
    {"guest", "user", &cpu_guest_seconds}, {"guestnice", "nice", &cpu_guest_seconds},
};

/* Linux lets idle and iowait decrease a little now and then.  Prometheus would take
 * that for a counter reset, and rate() would leap.  So the last value is published
 * until the guest's is larger again.  A decrease by more than BACK_MAX_MS is a reset
 * indeed: the vCPU was taken offline and back. */
enum { BACK_IDLE, BACK_IOWAIT, BACK_TIMES };
#define BACK_MAX_MS 3000
/* The values of further vCPUs are published unchanged. */
#define KEPT_CPUS 128

struct cpustats_memory {
    double kept_ms[KEPT_CPUS][BACK_TIMES];
};

static double
cpustats_no_step_back(struct cpustats_memory *memory, int64_t cpu, const char *key,
                      double value_ms)
{
    bool is_idle = strcmp(key, "idle") == 0;

    if (cpu < 0 || cpu >= KEPT_CPUS || (!is_idle && strcmp(key, "iowait") != 0))
        return value_ms;
    double *kept_ms = &memory->kept_ms[cpu][is_idle ? BACK_IDLE : BACK_IOWAIT];
    if (value_ms > *kept_ms || value_ms < *kept_ms - BACK_MAX_MS)
        *kept_ms = value_ms;
    return *kept_ms;
}

static void
cpustats_one(const struct guest_json *entry, struct cpustats_memory *memory,
             struct samples *out)
{
    char digits[GUEST_JSON_DECIMAL_BYTES];
    int64_t cpu;

    guest_json_int64(entry, "cpu", GUEST_REQUIRED, &cpu);
    (void)guest_json_decimal(cpu, digits);
    for (size_t i = 0; i < sizeof(cpu_times) / sizeof(*cpu_times); i++) {
        double value_ms;

        if (!guest_json_number(entry, cpu_times[i].key, GUEST_OPTIONAL, &value_ms) ||
            value_ms < 0)
            continue;
        value_ms = cpustats_no_step_back(memory, cpu, cpu_times[i].key, value_ms);
        samples_add(out, cpu_times[i].metric, value_ms / 1e3,
                    LABELS(digits, cpu_times[i].mode));
    }
}

static int
cpustats_parse(const json_t *reply, const struct exchange *when, struct samples *out,
               struct failure *why)
{
    struct guest_json list, entry;

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &entry); i++) {
        /* The schema (QEMU 7.1) defines figures for Linux alone. */
        if (strcmp(guest_json_string(&entry, "type", GUEST_REQUIRED), "linux") == 0)
            cpustats_one(&entry, when->memory, out);
    }
    return guest_json_result(&list, out);
}

const struct collector cpustats_collector = {
    .name = "cpustats",
    .help = "what the guest's vCPUs spend their time on",
    .command = "guest-get-cpustats",
    .since = "7.1",
    .series = "10 per vCPU",
    .default_interval_s = 30,
    .default_disabled = true,
    .metrics = cpustats_metrics,
    .memory_bytes = sizeof(struct cpustats_memory),
    .parse = cpustats_parse,
};
