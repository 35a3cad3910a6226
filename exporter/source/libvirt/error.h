/* What libvirt's errors mean for the exporter. */
#ifndef SOURCE_LIBVIRT_ERROR_H
#define SOURCE_LIBVIRT_ERROR_H

#include "kit/failure.h"

#include <stdint.h>

/* `code` is a virErrorNumber as the daemon sent it (libvirt 9 to 11 differ, see the
 * table in the source), `domain` a virErrorDomain, `message` its text, in whatever
 * language the daemon speaks; codes are preferred, `elapsed_ns` helps where all fail.
 */
void source_libvirt_failure(int code, int domain, const char *message,
                            int64_t elapsed_ns, struct failure *why);
/* The same of the last error of a function of libvirt's on this thread. */
void source_libvirt_last_failure(int64_t elapsed_ns, struct failure *why);

#endif
