/* Targets from what guests say of their addresses. */
#include "store/discovery.h"

#include "base/suggest.h"
#include "kit/memory.h"
#include "kit/utf8.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define META "__meta_qga_"
#define NAME_BYTES 128
#define QUOTE_BYTES 48
#define TARGET_BYTES (INET6_ADDRSTRLEN + 16)
/* All device names of a guest between commas. */
#define INTERFACES_BYTES (DISCOVERY_ADDRESSES_MAX * (DISCOVERY_DEVICE_BYTES + 1) + 2)

struct discovery_guest {
    atomic_uint references;
    size_t labels_count, addresses_count;
    struct kept_label {
        char *name, *value;
    } * labels;
    struct discovery_address *addresses;
};

/* --- addresses --- */

static bool
is_in(const unsigned char *bytes, const struct discovery_network *network)
{
    unsigned int whole = network->prefix / 8, rest = network->prefix % 8;
    unsigned int mask = rest > 0 ? 0xffU << (8 - rest) & 0xffU : 0;

    return memcmp(bytes, network->bytes, whole) == 0 &&
           (rest == 0 || ((bytes[whole] ^ network->bytes[whole]) & mask) == 0);
}

/* What is no other host's business: "this host", loopback, link-local, multicast,
 * reserved; and IPv4 in the clothes of IPv6, which would slip past a fence. */
static bool
is_reachable(int family, const unsigned char *bytes)
{
    static const struct discovery_network unreachable[] = {
        {AF_INET, {0}, 8},     {AF_INET, {127}, 8}, {AF_INET, {169, 254}, 16},
        {AF_INET, {224}, 3},   {AF_INET6, {0}, 80}, {AF_INET6, {0xfe, 0x80}, 10},
        {AF_INET6, {0xff}, 8},
    };

    for (size_t i = 0; i < sizeof unreachable / sizeof unreachable[0]; i++) {
        if (unreachable[i].family == family && is_in(bytes, &unreachable[i]))
            return false;
    }
    return true;
}

static void
copy_cut(char *out, size_t bytes, const char *text)
{
    size_t length = utf8_cut(text, bytes - 1);

    memcpy(out, text, length);
    out[length] = '\0';
}

bool
discovery_address_read(struct discovery_address *address, const char *device,
                       const char *text)
{
    *address = (struct discovery_address){.family = AF_INET};
    if (inet_pton(AF_INET, text, address->bytes) != 1) {
        address->family = AF_INET6;
        if (inet_pton(AF_INET6, text, address->bytes) != 1)
            return false;
    }
    copy_cut(address->device, sizeof address->device, device);
    return is_reachable(address->family, address->bytes);
}

/* --- records --- */

struct discovery_guest *
discovery_guest_new(const struct discovery_label *labels, size_t labels_count,
                    const struct discovery_address *addresses, size_t addresses_count)
{
    struct discovery_guest *guest = memory_new(1, sizeof *guest);
    char value[DISCOVERY_LABEL_BYTES_MAX + 1];

    atomic_init(&guest->references, 1);
    guest->labels = memory_new(labels_count, sizeof *guest->labels);
    for (; guest->labels_count < labels_count; guest->labels_count++) {
        const struct discovery_label *label = &labels[guest->labels_count];

        copy_cut(value, sizeof value, label->value);
        guest->labels[guest->labels_count] =
            (struct kept_label){memory_string(label->name), memory_string(value)};
    }
    guest->addresses = memory_new(addresses_count, sizeof *guest->addresses);
    if (addresses_count > 0)
        memcpy(guest->addresses, addresses, addresses_count * sizeof *addresses);
    guest->addresses_count = addresses_count;
    return guest;
}

struct discovery_guest *
discovery_guest_ref(struct discovery_guest *guest)
{
    atomic_fetch_add(&guest->references, 1);
    return guest;
}

void
discovery_guest_unref(struct discovery_guest *guest)
{
    if (!guest || atomic_fetch_sub(&guest->references, 1) != 1)
        return;
    for (size_t i = 0; i < guest->labels_count; i++) {
        free(guest->labels[i].name);
        free(guest->labels[i].value);
    }
    free(guest->labels);
    free(guest->addresses);
    free(guest);
}

/* --- the query --- */

void
discovery_query_init(struct discovery_query *query)
{
    *query = (struct discovery_query){
        .port = DISCOVERY_DEFAULT_PORT,
        .family = AF_UNSPEC,
    };
}

/* What came with the request, for a sentence: cut, and printable ASCII only. */
static const char *
quote(const char *text, char out[QUOTE_BYTES])
{
    size_t length = 0;

    for (; *text && length < QUOTE_BYTES - 1; text++)
        out[length++] = *text;
    out[length] = '\0';
    for (char *c = out; *c; c++) {
        if (*c < ' ' || *c > '~' || *c == '"')
            *c = '?';
    }
    return out;
}

static void
refuse(struct discovery_query *query, const char *key, const char *value,
       const char *remedy)
{
    char quoted[QUOTE_BYTES];

    snprintf(query->problem, sizeof query->problem, "%s=%s is not good: %s", key,
             quote(value, quoted), remedy);
}

static bool
read_number(const char *text, unsigned long max, unsigned int *number)
{
    size_t length = strlen(text);

    if (length == 0 || length > 5 || strspn(text, "0123456789") != length ||
        strtoul(text, NULL, 10) > max)
        return false;
    *number = (unsigned int)strtoul(text, NULL, 10);
    return true;
}

static void
add_port(struct discovery_query *query, const char *value)
{
    if (query->has_port || !read_number(value, 65535, &query->port) || query->port == 0)
        refuse(query, "port", value, "write one number from 1 to 65535");
    query->has_port = true;
}

static void
add_family(struct discovery_query *query, const char *value)
{
    static const struct {
        const char *name;
        int family;
    } families[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}, {"any", AF_UNSPEC}};
    bool known = false;

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strcmp(families[i].name, value) != 0)
            continue;
        query->family = families[i].family;
        known = true;
    }
    if (!known || query->has_family)
        refuse(query, "family", value, "write one of ipv4, ipv6 or any");
    query->has_family = true;
}

static void
add_all(struct discovery_query *query, const char *value)
{
    query->all = strcmp(value, "1") == 0;
    if (query->has_all || (!query->all && strcmp(value, "0") != 0))
        refuse(query, "all", value, "write 1 or 0, once");
    query->has_all = true;
}

/* ADDRESS/PREFIX, or an address alone. */
static bool
read_network(const char *text, struct discovery_network *network)
{
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");

    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    network->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(network->family, address, network->bytes) != 1)
        return false;
    unsigned int bits = network->family == AF_INET ? 32 : 128;

    network->prefix = bits;
    return text[length] == '\0' ||
           read_number(text + length + 1, bits, &network->prefix);
}

static void
add_network(struct discovery_query *query, const char *value)
{
    struct discovery_network network = {.prefix = 0};

    if (query->networks_count == DISCOVERY_NETWORKS_MAX) {
        refuse(query, "network", value, "it is one too many, 32 are the most");
        return;
    }
    if (!read_network(value, &network))
        refuse(query, "network", value, "write it like 10.0.0.0/8 or 2001:db8::/32");
    query->networks[query->networks_count++] = network;
}

void
discovery_query_add(struct discovery_query *query, const char *key, const char *value)
{
    static const struct {
        const char *key;
        void (*add)(struct discovery_query *query, const char *value);
    } parameters[] = {{"port", add_port},
                      {"family", add_family},
                      {"network", add_network},
                      {"all", add_all}};
    static const char *const known[] = {"port", "family", "network", "all", NULL};
    char quoted[QUOTE_BYTES], remedy[DISCOVERY_PROBLEM_BYTES / 2];

    if (*query->problem)
        return;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        if (strcmp(parameters[i].key, key) != 0)
            continue;
        parameters[i].add(query, value ? value : "");
        return;
    }
    suggest_remedy(quote(key, quoted), known, remedy, sizeof remedy);
    snprintf(query->problem, sizeof query->problem, "%s is no parameter: %s", quoted,
             remedy);
}

/* --- targets --- */

static bool
is_asked_for(const struct discovery_query *query,
             const struct discovery_address *address)
{
    if (query->family != AF_UNSPEC && query->family != address->family)
        return false;
    for (size_t i = 0; i < query->networks_count; i++) {
        if (query->networks[i].family == address->family &&
            is_in(address->bytes, &query->networks[i]))
            return true;
    }
    return query->networks_count == 0;
}

/* Text that may not be UTF-8, since it was cut or came from who knows where. */
static void
set_label(json_t *labels, const char *name, const char *value)
{
    char full[NAME_BYTES], clean[INTERFACES_BYTES];
    json_t *string = json_string(value);

    if (!string) {
        snprintf(clean, sizeof clean, "%s", value);
        for (char *c = clean; *c; c++) {
            if ((unsigned char)*c >= 0x80)
                *c = '?';
        }
        string = json_string(clean);
    }
    snprintf(full, sizeof full, META "%s", name);
    json_object_set_new(labels, full, string);
}

static bool
is_earlier(const struct discovery_guest *guest, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(guest->addresses[i].device, guest->addresses[index].device) == 0)
            return true;
    }
    return false;
}

/* ",eth0,eth1,": so that a pattern finds one without knowing where it stands. */
static void
list_interfaces(const struct discovery_guest *guest, char list[INTERFACES_BYTES])
{
    size_t length = (size_t)snprintf(list, INTERFACES_BYTES, ",");

    for (size_t i = 0; i < guest->addresses_count; i++) {
        const char *device = guest->addresses[i].device;

        if (is_earlier(guest, i) || strchr(device, ',') ||
            strlen(device) + 2 > INTERFACES_BYTES - length)
            continue;
        length +=
            (size_t)snprintf(list + length, INTERFACES_BYTES - length, "%s,", device);
    }
}

static void
add_target(const struct discovery_query *query, const struct discovery_guest *guest,
           const struct discovery_address *address, json_t *groups)
{
    bool six = address->family == AF_INET6;
    char text[INET6_ADDRSTRLEN] = "", target[TARGET_BYTES],
         interfaces[INTERFACES_BYTES];
    json_t *labels = json_object();

    inet_ntop(address->family, address->bytes, text, sizeof text);
    snprintf(target, sizeof target, six ? "[%s]:%u" : "%s:%u", text, query->port);
    for (size_t i = 0; i < guest->labels_count; i++)
        set_label(labels, guest->labels[i].name, guest->labels[i].value);
    list_interfaces(guest, interfaces);
    set_label(labels, "interfaces", interfaces);
    set_label(labels, "interface", address->device);
    set_label(labels, "address", text);
    set_label(labels, "address_family", six ? "ipv6" : "ipv4");
    json_array_append_new(
        groups, json_pack("{s: [s], s: o}", "targets", target, "labels", labels));
}

/* IPv4 before IPv6, where addresses come and go by themselves; then as the guest lists
 * them. */
static void
add_guest(const struct discovery_query *query, const struct discovery_guest *guest,
          json_t *groups)
{
    static const int families[] = {AF_INET, AF_INET6};

    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < guest->addresses_count; i++) {
            const struct discovery_address *address = &guest->addresses[i];

            if (address->family != families[f] || !is_asked_for(query, address))
                continue;
            add_target(query, guest, address, groups);
            if (!query->all)
                return;
        }
    }
}

static int
append(const char *bytes, size_t length, void *out)
{
    text_add(out, bytes, length);
    return 0;
}

void
discovery_render(const struct discovery_query *query,
                 struct discovery_guest *const *guests, size_t guests_count,
                 struct text *out)
{
    size_t written = 0;

    text_add_string(out, "[");
    for (size_t i = 0; i < guests_count; i++) {
        json_t *groups = json_array();

        add_guest(query, guests[i], groups);
        for (size_t j = 0; j < json_array_size(groups); j++) {
            text_add_string(out, written++ > 0 ? ",\n " : "\n ");
            json_dump_callback(json_array_get(groups, j), append, out, JSON_COMPACT);
        }
        json_decref(groups);
    }
    text_add_string(out, written > 0 ? "\n]\n" : "]\n");
}
