/* The exporter's process and the host's clock as metrics, read when they are written.
 * Any thread. */
#ifndef STORE_PROCESS_H
#define STORE_PROCESS_H

#include "store/exposition.h"

#include <stdint.h>

/* process_* */
extern const struct metric *const process_families[];
void process_write(struct fragment_writer *out, int64_t start_realtime_ns);
/* qga_host_clock_* */
extern const struct metric *const host_clock_families[];
void host_clock_write(struct fragment_writer *out);

#endif
