/* The exporter's own metrics as text.  Any thread. */
#ifndef STORE_TELEMETRY_TEXT_H
#define STORE_TELEMETRY_TEXT_H

#include "base/text.h"

/* The version of this build, for the landing page. */
const char *telemetry_version(void);

/* All that a struct telemetry counts, qga_exporter_build_info, qga_host_* and
 * process_*, with headers.  For store_new(). */
void telemetry_write(void *telemetry, struct text *out);

#endif
