/* The parameters of a URL. */
#include "store/discovery_query.h"

#include "base/parameter.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
discovery_query_init(struct discovery_query *query)
{
    *query = (struct discovery_query){
        .port = DISCOVERY_DEFAULT_PORT,
        .family = AF_UNSPEC,
    };
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
        parameter_refuse(query->problem, "port", value,
                         "write one number from 1 to 65535");
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

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (strcmp(families[i].name, value) != 0)
            continue;
        query->family = families[i].family;
        known = true;
    }
    if (!known || query->has_family)
        parameter_refuse(query->problem, "family", value,
                         "write one of ipv4, ipv6 or any");
    query->has_family = true;
}

static void
add_all(struct discovery_query *query, const char *value)
{
    query->all = strcmp(value, "1") == 0;
    if (query->has_all || (!query->all && strcmp(value, "0") != 0))
        parameter_refuse(query->problem, "all", value, "write 1 or 0, once");
    query->has_all = true;
}

/* ADDRESS/PREFIX, or an address alone. */
static bool
read_network(const char *text, struct discovery_network *network)
{
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");

    if (length >= sizeof(address))
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
        parameter_refuse(query->problem, "network", value,
                         "it is one too many, 32 are the most");
        return;
    }
    if (!read_network(value, &network))
        parameter_refuse(query->problem, "network", value,
                         "write it like 10.0.0.0/8 or 2001:db8::/32");
    query->networks[query->networks_count++] = network;
}

void
discovery_query_add(struct discovery_query *query, const char *key, const char *value)
{
    static const char *const names[] = {"port", "family", "network", "all", NULL};
    static void (*const add[])(struct discovery_query *, const char *) = {
        add_port, add_family, add_network, add_all};
    int index = parameter_find(query->problem, key, names);

    if (index >= 0)
        add[index](query, value ? value : "");
}

bool
discovery_query_takes(const struct discovery_query *query,
                      const struct discovery_address *address)
{
    if (query->family != AF_UNSPEC && query->family != address->family)
        return false;
    for (size_t i = 0; i < query->networks_count; i++) {
        if (query->networks[i].family == address->family &&
            discovery_network_has(&query->networks[i], address->bytes))
            return true;
    }
    return query->networks_count == 0;
}
