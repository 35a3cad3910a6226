/* Domains' XML, read where nobody can be asked: what was read of each guest's is kept,
 * so that the same is not parsed again.  Pure. */
#ifndef BROKER_DEFINITIONS_H
#define BROKER_DEFINITIONS_H

#include "source/libvirt/domain_xml.h"

/* One of a table by the guest's key, which is NULL while it is empty. */
struct definition;

/* NULL: it is not to be understood.  Borrowed until the guest's next one, or its end.
 */
const struct domain_xml *definitions_read(struct definition **definitions,
                                          const char *key, const char *xml);
void definitions_forget(struct definition **definitions, const char *key);
void definitions_forget_all(struct definition **definitions);

#endif
