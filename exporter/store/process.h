/* The exporter's process and the host's clock as metrics, read when they are written.
 * Any thread. */
#ifndef STORE_PROCESS_H
#define STORE_PROCESS_H

#include "base/text.h"

#include <stdint.h>

/* process_* */
void process_write(struct text *out, int64_t start_realtime_ns);
/* qga_host_clock_* */
void host_clock_write(struct text *out);

#endif
