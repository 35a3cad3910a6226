/* Collector routes: guest-network-get-route, the guest's routing tables. */
#include "collector.h"
#include "kit/filter.h"
#include "kit/guest_json.h"

#include <stdio.h>
#include <string.h>

static const struct metric route_info = {
    .name = "qga_network_route_info",
    .help =
        "A route of the guest, labels as in node_network_route_info "
        "(guest-network-get-route iface, source, destination, mask or desprefixlen, "
        "gateway or nexthop, metric, version, from QEMU 9.1 on, cached); a label is "
        "empty where the route has none.",
    .type = METRIC_GAUGE,
    .labels = {"device", "family", "src", "dest", "gw", "priority"},
    .series = "1 per route",
};
static const struct metric *const routes_metrics[] = {
    &route_info,
    NULL,
};

/* As the collector network has it, with the same reason: a route for each pod. */
enum { FILTER_DEVICES };
static const struct filter_spec routes_filters[] = {
    [FILTER_DEVICES] =
        {
            .key = "devices",
            .default_exclude = "^(lo[0-9]*|" FILTER_CONTAINER_DEVICES ")$",
            .help =
                "interfaces of routes by name, as the guest names them; the loopback "
                "and those of containers are excluded",
        },
    {.key = NULL},
};

/* Flags of Linux: a route to an address of the guest's own, which
 * qga_network_address_info has.  The agent hands a 32-bit number on as if it had a
 * sign. */
#define ROUTE_ANYCAST UINT64_C(0x00100000)
#define ROUTE_LOCAL UINT64_C(0x80000000)

static bool
routes_is_local(const struct guest_json *route)
{
    double flags;

    if (!guest_json_number(route, "flags", GUEST_OPTIONAL, &flags) || flags < 0 ||
        flags >= 0x1p64)
        return false;
    return ((uint64_t)flags & (ROUTE_ANYCAST | ROUTE_LOCAL)) != 0;
}

/* The number of leading ones of 255.255.255.0; -1 if it is no such mask. */
static int
routes_mask_length(const char *mask)
{
    uint32_t bits = 0;

    for (int i = 0; i < 4; i++) {
        unsigned int byte = 0;
        size_t digits = strspn(mask, "0123456789");

        if (digits < 1 || digits > 3)
            return -1;
        for (size_t j = 0; j < digits; j++)
            byte = 10 * byte + (unsigned int)(mask[j] - '0');
        if (byte > 255 || mask[digits] != (i < 3 ? '.' : '\0'))
            return -1;
        bits = bits << 8 | byte;
        mask += digits + (i < 3);
    }
    int length = 0;
    while (length < 32 && (bits & UINT32_C(1) << (31 - length)) != 0)
        length++;
    return bits << (length & 31) == 0 || length == 32 ? length : -1;
}

#define NETWORK_BYTES 128 /* two addresses and a slash; hostile ones are cut */

/* 10.0.2.0/24, or "default"; without a length where the agent gives none. */
static void
routes_network(const char *address, const char *prefix_length,
               char network[NETWORK_BYTES])
{
    bool is_any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;

    if (is_any && strcmp(prefix_length, "0") == 0)
        (void)snprintf(network, NETWORK_BYTES, "default");
    else
        (void)snprintf(network, NETWORK_BYTES, "%s%s%s", address,
                       *prefix_length != '\0' ? "/" : "", prefix_length);
}

static const char *
routes_next_hop(const struct guest_json *route, const char *key)
{
    const char *address = guest_json_string(route, key, GUEST_OPTIONAL);
    bool is_any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;

    return is_any ? "" : address;
}

static void
routes_ipv4(const struct guest_json *route, const char *device, const char *destination,
            const char *priority, struct samples *out)
{
    char network[NETWORK_BYTES], digits[GUEST_JSON_DECIMAL_BYTES];
    const char *mask = guest_json_string(route, "mask", GUEST_OPTIONAL);
    int length = routes_mask_length(mask);

    routes_network(destination, length >= 0 ? guest_json_decimal(length, digits) : mask,
                   network);
    samples_add_once(out, &route_info, 1,
                     LABELS(device, "ipv4", "", network,
                            routes_next_hop(route, "gateway"), priority));
}

static void
routes_ipv6(const struct guest_json *route, const char *device, const char *destination,
            const char *priority, struct samples *out)
{
    char network[NETWORK_BYTES], source[NETWORK_BYTES];

    routes_network(destination,
                   guest_json_string(route, "desprefixlen", GUEST_OPTIONAL), network);
    routes_network(guest_json_string(route, "source", GUEST_OPTIONAL),
                   guest_json_string(route, "srcprefixlen", GUEST_OPTIONAL), source);
    bool is_any = strcmp(source, "default") == 0 || strcmp(source, "::") == 0;
    samples_add_once(out, &route_info, 1,
                     LABELS(device, "ipv6", is_any ? "" : source, network,
                            routes_next_hop(route, "nexthop"), priority));
}

static int
routes_parse(const json_t *reply, const struct exchange *when, struct samples *out,
             struct failure *why)
{
    struct guest_json list, route;

    guest_json_root(&list, reply, why);
    for (size_t i = 0; guest_json_entry(&list, i, &route); i++) {
        char priority[GUEST_JSON_DECIMAL_BYTES];
        int64_t metric, version;
        const char *device = guest_json_string(&route, "iface", GUEST_REQUIRED);
        const char *destination =
            guest_json_string(&route, "destination", GUEST_REQUIRED);

        guest_json_int64(&route, "metric", GUEST_REQUIRED, &metric);
        guest_json_int64(&route, "version", GUEST_REQUIRED, &version);
        if (!guest_json_is_usable(&route) ||
            !filter_passes(when->filters[FILTER_DEVICES], device) ||
            routes_is_local(&route))
            continue;
        if (metric < 0 && metric >= INT32_MIN)
            metric += INT64_C(1) << 32; /* the kernel's has no sign */
        (void)guest_json_decimal(metric, priority);
        if (version == 6)
            routes_ipv6(&route, device, destination, priority, out);
        else
            routes_ipv4(&route, device, destination, priority, out);
    }
    return guest_json_result(&list, out);
}

const struct collector routes_collector = {
    .name = "routes",
    .help = "the guest's routing tables",
    .command = "guest-network-get-route",
    .since = "9.1",
    .series = "1 per route; a router may have very many",
    .default_interval_s = 300,
    .default_disabled = true,
    .metrics = routes_metrics,
    .filters = routes_filters,
    .parse = routes_parse,
};
