/* HTTP service discovery: the guests' own addresses as targets for Prometheus (/sd), as
 * immutable records.  store/discovery_query.h says which are wanted, and
 * store/discovery_page.h writes them.  Pure.
 *
 * A guest may name any address as its own: the records hold what it says, as far as it
 * could be reached from outside; `network=` in the query is the fence. */
#ifndef STORE_DISCOVERY_H
#define STORE_DISCOVERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define DISCOVERY_ADDRESSES_MAX 64 /* of one guest; the rest is left out */
#define DISCOVERY_DEVICE_BYTES 64
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

struct discovery_network {
    int family;
    unsigned char bytes[16];
    unsigned int prefix;
};

/* Of the same family. */
bool discovery_network_has(const struct discovery_network *network,
                           const unsigned char *bytes);

struct discovery_label {
    const char *name; /* without __meta_qga_ */
    const char *value;
};

struct discovery_kept_label {
    char *name, *value;
};

/* What is said of one guest; immutable, reference-counted, any thread. */
struct discovery_guest {
    atomic_uint references;
    size_t labels_count, addresses_count;
    struct discovery_kept_label *labels;
    struct discovery_address *addresses;
};

/* Everything is copied. */
struct discovery_guest *discovery_guest_new(const struct discovery_label *labels,
                                            size_t labels_count,
                                            const struct discovery_address *addresses,
                                            size_t addresses_count);
struct discovery_guest *discovery_guest_ref(struct discovery_guest *guest);
void discovery_guest_unref(struct discovery_guest *guest); /* NULL is fine */

#endif
