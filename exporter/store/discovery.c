/* Addresses and records. */
#include "store/discovery.h"

#include "kit/memory.h"
#include "kit/utf8.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool
discovery_network_has(const struct discovery_network *network,
                      const unsigned char *bytes)
{
    unsigned int whole = network->prefix / 8, rest = network->prefix % 8;
    unsigned int mask = rest > 0 ? 0xffU << (8 - rest) & 0xffU : 0;

    return memcmp(bytes, network->bytes, whole) == 0 &&
           (rest == 0 || ((bytes[whole] ^ network->bytes[whole]) & mask) == 0);
}

/* What is no other host's business: "this host", loopback, link-local, multicast,
 * reserved; and IPv4 in the clothes of IPv6 (mapped, SIIT, NAT64 of all and of a site),
 * which would slip past a fence. */
static bool
is_of_a_host(int family, const unsigned char *bytes)
{
    static const struct discovery_network unreachable[] = {
        {AF_INET, {0}, 8},
        {AF_INET, {127}, 8},
        {AF_INET, {169, 254}, 16},
        {AF_INET, {224}, 3},
        {AF_INET6, {0}, 80},
        {AF_INET6, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96},
        {AF_INET6, {0x00, 0x64, 0xff, 0x9b}, 96},
        {AF_INET6, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},
        {AF_INET6, {0xfe, 0x80}, 10},
        {AF_INET6, {0xff}, 8},
    };

    for (size_t i = 0; i < sizeof(unreachable) / sizeof(unreachable[0]); i++) {
        if (unreachable[i].family == family &&
            discovery_network_has(&unreachable[i], bytes))
            return false;
    }
    return true;
}

/* A host may have an address by 6to4 or Teredo, but by no IPv4 address that is none. */
static bool
is_reachable(int family, const unsigned char *bytes)
{
    static const struct {
        struct discovery_network network;
        size_t four; /* where the IPv4 address stands in it */
        unsigned char flipped;
    } tunnels[] = {
        {{AF_INET6, {0x20, 0x02}, 16}, 2, 0},
        {{AF_INET6, {0x20, 0x01, 0, 0}, 32}, 4, 0}, /* Teredo's server */
        {{AF_INET6, {0x20, 0x01, 0, 0}, 32}, 12, 0xff},
    };
    unsigned char four[4];

    for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
        if (family != AF_INET6 || !discovery_network_has(&tunnels[i].network, bytes))
            continue;
        for (size_t j = 0; j < sizeof(four); j++)
            four[j] = bytes[tunnels[i].four + j] ^ tunnels[i].flipped;
        if (!is_of_a_host(AF_INET, four))
            return false;
    }
    return is_of_a_host(family, bytes);
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
    copy_cut(address->device, sizeof(address->device), device);
    return is_reachable(address->family, address->bytes);
}

struct discovery_guest *
discovery_guest_new(const struct discovery_label *labels, size_t labels_count,
                    const struct discovery_address *addresses, size_t addresses_count)
{
    struct discovery_guest *guest = memory_new(1, sizeof(*guest));
    char value[DISCOVERY_LABEL_BYTES_MAX + 1];

    atomic_init(&guest->references, 1);
    guest->labels = memory_new(labels_count, sizeof(*guest->labels));
    for (; guest->labels_count < labels_count; guest->labels_count++) {
        const struct discovery_label *label = &labels[guest->labels_count];

        copy_cut(value, sizeof(value), label->value);
        guest->labels[guest->labels_count] = (struct discovery_kept_label){
            memory_string(label->name), memory_string(value)};
    }
    guest->addresses = memory_new(addresses_count, sizeof(*guest->addresses));
    if (addresses_count > 0)
        memcpy(guest->addresses, addresses, addresses_count * sizeof(*addresses));
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
