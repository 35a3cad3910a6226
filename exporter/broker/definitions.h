/* Domains' XML, read where nobody can be asked: what was read of each guest's is kept,
 * so that the same is not parsed again.  Pure. */
#ifndef BROKER_DEFINITIONS_H
#define BROKER_DEFINITIONS_H

#include "source/libvirt/domain_xml.h"

struct definitions;

struct definitions *definitions_new(void);
void definitions_free(struct definitions *definitions);
/* NULL: it is not to be understood.  Borrowed until the guest's next one, or its end.
 */
const struct domain_xml *definitions_read(struct definitions *definitions,
                                          const char *key, const char *xml);
void definitions_forget(struct definitions *definitions, const char *key);

#endif
