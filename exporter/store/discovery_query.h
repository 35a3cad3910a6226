/* Which targets of /sd are wanted: the parameters of its URL.  Pure. */
#ifndef STORE_DISCOVERY_QUERY_H
#define STORE_DISCOVERY_QUERY_H

#include "base/parameter.h"
#include "store/discovery.h"

#define DISCOVERY_NETWORKS_MAX 32
#define DISCOVERY_DEFAULT_PORT 9100

struct discovery_query {
    unsigned int port;
    int family; /* AF_UNSPEC: any */
    bool all;   /* a target for each address, not for each guest */
    struct discovery_network networks[DISCOVERY_NETWORKS_MAX]; /* none: anywhere */
    size_t networks_count;
    bool has_port, has_family, has_all; /* given */
    char problem[PARAMETER_PROBLEM_BYTES];
};

void discovery_query_init(struct discovery_query *query);
/* One parameter of the URL; `value` may be NULL.  The first problem is latched. */
void discovery_query_add(struct discovery_query *query, const char *key,
                         const char *value);

bool discovery_query_takes(const struct discovery_query *query,
                           const struct discovery_address *address);

#endif
