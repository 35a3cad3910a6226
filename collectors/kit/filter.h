/* Include and exclude patterns over guest text.  Text that a pattern cannot decide
 * about within its limits (kit/pattern.h) counts as excluded.  What it costs is bounded
 * for each reply, too.  One thread at a time. */
#ifndef KIT_FILTER_H
#define KIT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct failure;
struct filter;

/* Interfaces that container and VM runtimes make one of for each pod, container, VM or
 * user network, for a pattern over names: on a Kubernetes node these are most of them,
 * and their names change with every pod.  The hexadecimal ones are pods' of
 * OVN-Kubernetes and Kube-OVN. */
#define FILTER_CONTAINER_DEVICES                                                       \
    "veth.*|cali.*|cni.*|lxc.*|lxd.*|incusbr.*|docker.*|br-[0-9a-f]{12}|podman.*|"     \
    "[0-9a-f]{15}|[0-9a-f]{12}_h|flannel.*|cilium_.*|weave|vxlan.*|antrea-.*|"         \
    "genev_sys_.*|kube-.*|nodelocaldns|tunl[0-9]+|vnet.*|virbr.*|tap.*|fwbr.*|"        \
    "fwln.*|fwpr.*"

/* `include` and `exclude` are PCRE2 patterns, or NULL or "" for none.  NULL on a bad
 * pattern, with one sentence that names the pattern and the position. */
struct filter *filter_new(const char *include, const char *exclude,
                          struct failure *why);
void filter_free(struct filter *filter); /* NULL is fine */

/* Whether the text passes: it matches `include` (if there is one) and not `exclude`.
 * A NULL filter lets everything pass. */
bool filter_passes(const struct filter *filter, const char *text);

/* Before each reply: it has PATTERN_STEPS_MAX from now on.  NULL is fine. */
void filter_restart(const struct filter *filter);
/* How many texts it could not decide about since. */
size_t filter_undecided(const struct filter *filter);
/* The pattern that was too slow for one of them, borrowed; each is told once.  NULL:
 * none. */
const char *filter_tell_slow(const struct filter *filter);

#endif
