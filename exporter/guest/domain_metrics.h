/* What the domain's definition says of the guest, as samples: who it is, and what it
 * was given.  Pure. */
#ifndef GUEST_DOMAIN_METRICS_H
#define GUEST_DOMAIN_METRICS_H

#include "config/domain_label.h"
#include "kit/metric.h"
#include "kit/samples.h"
#include "source/domain_facts.h"

#include <stddef.h>

struct domain_metrics;

/* The families without labels of the user's.  NULL-terminated, as all of them are. */
extern const struct metric *const domain_metrics_plain[];

/* `labels` stand behind those that are always there; they are borrowed, and at most
 * DOMAIN_LABELS_MAX. */
struct domain_metrics *domain_metrics_new(const struct domain_label *labels,
                                          size_t labels_count);
void domain_metrics_free(struct domain_metrics *metrics); /* NULL is fine */
/* As many as the plain ones, with the same names, in the same order. */
const struct metric *const *
domain_metrics_families(const struct domain_metrics *metrics);

/* `facts` NULL: only the UUID is known. */
void domain_metrics_samples(const struct domain_metrics *metrics, const char *uuid,
                            const struct domain_facts *facts, struct samples *out);

#endif
