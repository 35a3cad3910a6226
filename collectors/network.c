/* Collector network: guest-network-get-interfaces, the guest's interfaces, their
 * addresses and counters. */
#include "collector.h"
#include "kit/filter.h"
#include "kit/guest_json.h"
#include "kit/host_facts.h"
#include "kit/memory.h"
#include "kit/proc_facts.h"

#include <stdio.h>
#include <string.h>

#define TRAFFIC(variable, metric_name, what, field)                                    \
    static const struct metric variable = {                                            \
        .name = (metric_name),                                                         \
        .help = what " (guest-network-get-interfaces statistics " field ", cached); "  \
                     "agents on Linux count only for interfaces with an address; "     \
                     "those of the others are of /proc/net/dev, if the collector "     \
                     "procfs is on.",                                                  \
        .type = METRIC_COUNTER,                                                        \
        .labels = {"device"},                                                          \
        .since = "2.11",                                                               \
        .series = "1 per interface with an address, or with procfs",                   \
    }

TRAFFIC(receive_bytes, "qga_network_receive_bytes_total", "Bytes received", "rx-bytes");
TRAFFIC(receive_packets, "qga_network_receive_packets_total", "Packets received",
        "rx-packets");
TRAFFIC(receive_errs, "qga_network_receive_errs_total", "Errors in receiving",
        "rx-errs");
TRAFFIC(receive_drop, "qga_network_receive_drop_total", "Received packets dropped",
        "rx-dropped");
TRAFFIC(transmit_bytes, "qga_network_transmit_bytes_total", "Bytes sent", "tx-bytes");
TRAFFIC(transmit_packets, "qga_network_transmit_packets_total", "Packets sent",
        "tx-packets");
TRAFFIC(transmit_errs, "qga_network_transmit_errs_total", "Errors in sending",
        "tx-errs");
TRAFFIC(transmit_drop, "qga_network_transmit_drop_total", "Packets to send dropped",
        "tx-dropped");

static const struct metric network_info = {
    .name = "qga_network_info",
    .help = "An interface of the guest and its hardware address "
            "(guest-network-get-interfaces hardware-address, cached); where several "
            "have one name, device is the name with the hardware address, in all "
            "families.",
    .type = METRIC_GAUGE,
    .labels = {"device", "address"},
    .series = "1 per interface",
};
static const struct metric network_address_info = {
    .name = "qga_network_address_info",
    .help = "An address of an interface of the guest (guest-network-get-interfaces "
            "ip-addresses, cached).",
    .type = METRIC_GAUGE,
    .labels = {"device", "family", "address", "prefix_length"},
    .series = "1 per address",
};
static const struct metric interface_info = {
    .name = "qga_domain_interface_info",
    .help =
        "The host's end of an interface of the guest, found by its hardware address "
        "(guest-network-get-interfaces hardware-address, cached, and the domain's "
        "definition); target is the host's device (vnet3; 0000:3b:10.1 is a card that "
        "the guest was given), network where it leads. "
        "VLANs, bridges and bonds in the guest may share one.",
    .type = METRIC_GAUGE,
    .labels = {"device", "address", "target", "network", "model"},
    .series = "1 per interface of the domain",
};
static const struct metric *const network_metrics[] = {
    &receive_bytes,  &receive_packets,      &receive_errs,   &receive_drop,
    &transmit_bytes, &transmit_packets,     &transmit_errs,  &transmit_drop,
    &network_info,   &network_address_info, &interface_info, NULL,
};

static const struct {
    const char *key;
    const struct metric *metric;
} network_counters[] = {
    {"rx-bytes", &receive_bytes},  {"rx-packets", &receive_packets},
    {"rx-errs", &receive_errs},    {"rx-dropped", &receive_drop},
    {"tx-bytes", &transmit_bytes}, {"tx-packets", &transmit_packets},
    {"tx-errs", &transmit_errs},   {"tx-dropped", &transmit_drop},
};

/* node_exporter excludes none. */
enum { FILTER_DEVICES };
static const struct filter_spec network_filters[] = {
    [FILTER_DEVICES] =
        {
            .key = "devices",
            .default_exclude = "^(lo[0-9]*|Loopback "
                               "Pseudo-Interface.*|" FILTER_CONTAINER_DEVICES ")$",
            .help =
                "interfaces by name, as the guest names them, but the loopback is lo "
                "everywhere; it and those of containers are excluded",
        },
    {.key = NULL},
};

/* In the order of the agent's. */
static void
network_proc_counters(const double *counters, const char *device, struct samples *out)
{
    for (size_t i = 0; counters && i < PROC_COUNTERS; i++)
        samples_add(out, network_counters[i].metric, counters[i], LABELS(device));
}

/* Statistics came with QEMU 2.11; what is not there is left out. */
static void
network_statistics(const struct guest_json *interface, const char *device,
                   const double *proc_counters, struct samples *out)
{
    struct guest_json statistics;

    if (!guest_json_object(interface, "statistics", GUEST_OPTIONAL, &statistics)) {
        network_proc_counters(proc_counters, device, out);
        return;
    }
    for (size_t i = 0; i < sizeof(network_counters) / sizeof(*network_counters); i++) {
        double value;

        if (guest_json_number(&statistics, network_counters[i].key, GUEST_OPTIONAL,
                              &value) &&
            value >= 0)
            samples_add(out, network_counters[i].metric, value, LABELS(device));
    }
}

static void
network_addresses(const struct guest_json *interface, const char *device,
                  struct samples *out)
{
    struct guest_json list, entry;

    if (!guest_json_array(interface, "ip-addresses", GUEST_OPTIONAL, &list))
        return;
    for (size_t i = 0; guest_json_entry(&list, i, &entry); i++) {
        char digits[GUEST_JSON_DECIMAL_BYTES];
        int64_t prefix;
        const char *address = guest_json_string(&entry, "ip-address", GUEST_REQUIRED);
        const char *family =
            guest_json_string(&entry, "ip-address-type", GUEST_REQUIRED);
        /* Old agents on Windows say -1 where they do not know it. */
        bool is_known =
            guest_json_int64(&entry, "prefix", GUEST_OPTIONAL, &prefix) && prefix >= 0;

        if (guest_json_is_usable(&entry))
            samples_add(out, &network_address_info, 1,
                        LABELS(device, family, address,
                               is_known ? guest_json_decimal(prefix, digits) : ""));
    }
}

static void
network_host_end(const struct host_facts *host, const char *device, const char *address,
                 struct samples *out)
{
    const struct host_nic *nic = host_facts_nic(host, address);

    if (nic)
        samples_add(out, &interface_info, 1,
                    LABELS(device, address, nic->target, nic->network, nic->model));
}

/* By name, whether there are several.  Windows' agents before QEMU 4.2 lose all of a
 * name that is not ASCII, so that two Chinese names of a length are one. */
static json_t *
network_names(const json_t *reply)
{
    json_t *names = memory_need(json_object());
    const json_t *interface;
    size_t i;

    json_array_foreach (reply, i, interface) {
        const char *name = json_string_value(json_object_get(interface, "name"));

        if (name)
            json_object_set_new(names, name,
                                json_boolean(json_object_get(names, name)));
    }
    return names;
}

#define DEVICE_BYTES 320

/* Unlike their order, the address tells them apart for good. */
static const char *
network_device(const json_t *names, const char *name, const char *address,
               char device[DEVICE_BYTES])
{
    if (!*address || !json_is_true(json_object_get(names, name)))
        return name;
    (void)snprintf(device, DEVICE_BYTES, "%.200s (%.100s)", name, address);
    return device;
}

/* Systems name it as they like, some in their user's language. */
static bool
network_is_loopback(const json_t *interface)
{
    const json_t *list = json_object_get(interface, "ip-addresses");
    const json_t *entry;
    size_t i;

    json_array_foreach (list, i, entry) {
        const char *address = json_string_value(json_object_get(entry, "ip-address"));

        if (address &&
            (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0))
            return true;
    }
    return false;
}

static void
network_interface(const struct guest_json *interface, const char *device,
                  const char *address, const struct exchange *when, struct samples *out)
{
    const char *name = guest_json_string(interface, "name", GUEST_REQUIRED);

    samples_add(out, &network_info, 1, LABELS(device, address));
    network_host_end(when->host, device, address, out);
    network_addresses(interface, device, out);
    network_statistics(interface, device, proc_facts_counters(when->proc, name), out);
}

static int
network_parse(const json_t *reply, const struct exchange *when, struct samples *out,
              struct failure *why)
{
    struct guest_json list, interface;
    json_auto_t *names = network_names(reply);

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &interface); i++) {
        char device[DEVICE_BYTES];
        const char *name = guest_json_string(&interface, "name", GUEST_REQUIRED);
        const char *address =
            guest_json_string(&interface, "hardware-address", GUEST_OPTIONAL);

        if (!guest_json_is_usable(&interface) ||
            !filter_passes(when->filters[FILTER_DEVICES],
                           network_is_loopback(json_array_get(reply, i)) ? "lo" : name))
            continue;
        network_interface(&interface, network_device(names, name, address, device),
                          address, when, out);
    }
    return guest_json_result(&list, out);
}

const struct collector network_collector = {
    .name = "network",
    .help = "the guest's interfaces, their addresses and counters",
    .command = "guest-network-get-interfaces",
    .since = "1.1",
    .series = "10 per interface (2 if it has no address, without procfs), and 1 per "
              "address",
    .default_interval_s = 30,
    .metrics = network_metrics,
    .filters = network_filters,
    .addresses = &network_address_info,
    .shows_proc_facts = true,
    .parse = network_parse,
};
