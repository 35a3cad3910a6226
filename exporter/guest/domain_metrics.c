/* A domain's definition as samples. */
#include "guest/domain_metrics.h"

#include "kit/memory.h"

#include <stdlib.h>
#include <string.h>

static const struct metric domain_info = {
    .name = "qga_domain_info",
    .help = "What the host has for the guest besides its name, always 1: UUID, title, "
            "OpenStack Nova's instance, project and flavor where the domain's metadata "
            "have them, and Proxmox VE's tags and ostype (else empty).",
    .type = METRIC_GAUGE,
    .labels = {DOMAIN_OWN_LABELS},
    .essential = true,
};
static const struct metric domain_vcpus = {
    .name = "qga_domain_vcpus",
    .help =
        "vCPUs that the domain has plugged in; qga_vcpus has what the guest makes of "
        "them.",
    .type = METRIC_GAUGE,
};
static const struct metric domain_vcpus_maximum = {
    .name = "qga_domain_vcpus_maximum",
    .help =
        "vCPUs that can be plugged into the domain while it runs, with those that are.",
    .type = METRIC_GAUGE,
};
static const struct metric domain_memory = {
    .name = "qga_domain_memory_bytes",
    .help = "Memory that the domain has: what the balloon leaves of its maximum.",
    .type = METRIC_GAUGE,
};
static const struct metric domain_memory_maximum = {
    .name = "qga_domain_memory_maximum_bytes",
    .help = "Memory that the domain is defined with.",
    .type = METRIC_GAUGE,
};
const struct metric *const domain_metrics_plain[] = {
    &domain_info,   &domain_vcpus,          &domain_vcpus_maximum,
    &domain_memory, &domain_memory_maximum, NULL,
};
#define FAMILIES (sizeof(domain_metrics_plain) / sizeof(domain_metrics_plain[0]))

#define OWN_LABELS 7
_Static_assert(OWN_LABELS + DOMAIN_LABELS_MAX < METRIC_LABELS_MAX,
               "the labels fit, with a NULL behind them");

struct domain_metrics {
    const struct domain_label *labels;
    size_t labels_count;
    struct metric info; /* domain_info with the user's labels */
    const struct metric *families[FAMILIES];
};

struct domain_metrics *
domain_metrics_new(const struct domain_label *labels, size_t labels_count)
{
    struct domain_metrics *metrics = memory_new(1, sizeof(*metrics));

    metrics->labels = labels;
    metrics->labels_count = labels_count;
    metrics->info = domain_info;
    for (size_t i = 0; i < labels_count; i++)
        metrics->info.labels[OWN_LABELS + i] = labels[i].name;
    memcpy(metrics->families, domain_metrics_plain, sizeof(metrics->families));
    metrics->families[0] = &metrics->info;
    return metrics;
}

void
domain_metrics_free(struct domain_metrics *metrics)
{
    free(metrics);
}

const struct metric *const *
domain_metrics_families(const struct domain_metrics *metrics)
{
    return metrics->families;
}

static void
add_range(struct samples *out, const struct metric *current,
          const struct metric *maximum, struct domain_range range)
{
    if (range.current > 0)
        samples_add(out, current, (double)range.current, NO_LABELS);
    if (range.maximum > 0)
        samples_add(out, maximum, (double)range.maximum, NO_LABELS);
}

void
domain_metrics_samples(const struct domain_metrics *metrics, const char *uuid,
                       const struct domain_facts *facts, struct samples *out)
{
    const char *values[OWN_LABELS + DOMAIN_LABELS_MAX] = {
        uuid,
        domain_facts_title(facts),
        domain_facts_nova(facts, "instance/name"),
        domain_facts_nova(facts, "instance/owner/project"),
        domain_facts_nova(facts, "instance/flavor@name"),
        domain_facts_tags(facts),
        domain_facts_ostype(facts),
    };

    for (size_t i = 0; i < metrics->labels_count; i++)
        values[OWN_LABELS + i] = domain_facts_metadata(
            facts, metrics->labels[i].namespace, metrics->labels[i].path);
    samples_add(out, &metrics->info, 1,
                (struct label_values){values, OWN_LABELS + metrics->labels_count});
    if (!facts)
        return;
    add_range(out, &domain_vcpus, &domain_vcpus_maximum, facts->vcpus);
    add_range(out, &domain_memory, &domain_memory_maximum, facts->memory_bytes);
}
