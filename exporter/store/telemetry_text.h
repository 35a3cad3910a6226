/* The exporter's own metrics as text.  Any thread. */
#ifndef STORE_TELEMETRY_TEXT_H
#define STORE_TELEMETRY_TEXT_H

#include "store/body.h"

/* The version of this build, for the overview. */
const char *telemetry_version(void);

/* qga_host_*; then of the exporter itself all that a struct telemetry counts with
 * qga_exporter_build_info, and process_*.  For store_new(), whose context is the struct
 * telemetry. */
#define TELEMETRY_PARTS 3
#define TELEMETRY_PARTS_OF_HOST 1 /* the first */
extern const struct store_part telemetry_parts[TELEMETRY_PARTS];

#endif
