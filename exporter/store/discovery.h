/* HTTP service discovery: the guests' own addresses as targets for Prometheus (/sd), as
 * immutable records, a query, and the JSON made of both.  Pure.
 *
 * A guest may name any address as its own: the records hold what it says, as far as it
 * could be reached from outside; `network=` in the query is the fence. */
#ifndef STORE_DISCOVERY_H
#define STORE_DISCOVERY_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define DISCOVERY_ADDRESSES_MAX 64 /* of one guest; the rest is left out */
#define DISCOVERY_DEVICE_BYTES 64
#define DISCOVERY_NETWORKS_MAX 32
#define DISCOVERY_PROBLEM_BYTES 256
#define DISCOVERY_DEFAULT_PORT 9100
#define DISCOVERY_LABEL_BYTES_MAX 256 /* of a value; longer ones are cut */

struct discovery_address {
    char device[DISCOVERY_DEVICE_BYTES]; /* the guest's name for it */
    int family;                          /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
};

/* false: it is no address, or none that another host could reach it by (loopback,
 * link-local, multicast, ...). */
bool discovery_address_read(struct discovery_address *address, const char *device,
                            const char *text);

struct discovery_label {
    const char *name; /* without __meta_qga_ */
    const char *value;
};

/* What is said of one guest; immutable, reference-counted, any thread. */
struct discovery_guest;
/* Everything is copied. */
struct discovery_guest *discovery_guest_new(const struct discovery_label *labels,
                                            size_t labels_count,
                                            const struct discovery_address *addresses,
                                            size_t addresses_count);
struct discovery_guest *discovery_guest_ref(struct discovery_guest *guest);
void discovery_guest_unref(struct discovery_guest *guest); /* NULL is fine */

struct discovery_network {
    int family;
    unsigned char bytes[16];
    unsigned int prefix;
};

struct discovery_query {
    unsigned int port;
    int family; /* AF_UNSPEC: any */
    bool all;   /* a target for each address, not for each guest */
    struct discovery_network networks[DISCOVERY_NETWORKS_MAX]; /* none: anywhere */
    size_t networks_count;
    bool has_port, has_family, has_all;    /* given */
    char problem[DISCOVERY_PROBLEM_BYTES]; /* one sentence, or "" */
};

void discovery_query_init(struct discovery_query *query);
/* One parameter of the URL; `value` may be NULL.  The first problem is latched. */
void discovery_query_add(struct discovery_query *query, const char *key,
                         const char *value);

/* Appends the JSON list of target groups, in the order of `guests`. */
void discovery_render(const struct discovery_query *query,
                      struct discovery_guest *const *guests, size_t guests_count,
                      struct text *out);

#endif
