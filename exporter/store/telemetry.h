/* What the exporter counts of itself (store/telemetry_text.h writes it).  Counters are
 * atomics: any thread adds, any thread reads; there is no lock. */
#ifndef STORE_TELEMETRY_H
#define STORE_TELEMETRY_H

#include "kit/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telemetry;

/* `commands` names the rows of calls and durations (NULL-terminated, borrowed, static);
 * `states` those of guests by state (likewise). */
struct telemetry *telemetry_new(const char *const *commands, const char *const *states);
void telemetry_free(struct telemetry *telemetry);

/* qga_exporter_calls_total{command,outcome},
 * qga_exporter_call_duration_seconds{command}. FAILURE_NONE is the outcome "ok". */
void telemetry_call(struct telemetry *telemetry, size_t command,
                    enum failure_kind outcome, int64_t duration_ns);
/* qga_exporter_schedule_lateness_seconds (histogram). */
void telemetry_lateness(struct telemetry *telemetry, int64_t lateness_ns);
/* qga_exporter_guests{state} */
void telemetry_guests(struct telemetry *telemetry, size_t state, size_t count);
/* qga_exporter_guest_name_conflicts_total */
void telemetry_name_conflict(struct telemetry *telemetry);
/* qga_exporter_paused */
void telemetry_paused(struct telemetry *telemetry, bool paused);
/* qga_exporter_loop_last_turn_timestamp_seconds */
void telemetry_turned(struct telemetry *telemetry, int64_t realtime_ns);
/* qga_exporter_config_last_reload_successful and _timestamp_seconds */
void telemetry_reload(struct telemetry *telemetry, bool successful,
                      int64_t realtime_ns);
/* The same for the web configuration file: both must have succeeded. */
void telemetry_web_reload(struct telemetry *telemetry, bool successful,
                          int64_t realtime_ns);
/* qga_exporter_scrapes_total{code}, qga_exporter_scrape_body_bytes_total; web thread.
 */
void telemetry_scrape(struct telemetry *telemetry, unsigned int http_status,
                      size_t body_bytes);

/* One row for each source; `name` ("" for the only one) is copied.  Returns the row;
 * when all TELEMETRY_SOURCES_MAX are taken, a row that the others ignore.  One thread
 * adds and removes. */
size_t telemetry_source_add(struct telemetry *telemetry, const char *name);
void telemetry_source_remove(struct telemetry *telemetry, size_t row);
/* qga_exporter_source_up{source}: the label is there also when the name is "". */
void telemetry_source_up(struct telemetry *telemetry, size_t row, bool up);
/* qga_exporter_lanes{source}, qga_exporter_lanes_in_use{source},
 * qga_exporter_lanes_abandoned_total{source}; a source without lanes never calls this.
 */
void telemetry_lanes(struct telemetry *telemetry, size_t row, size_t lanes,
                     size_t in_use, uint64_t abandoned_total);

/* qga_exporter_sockets_beyond_limit{source}; likewise for a source without sockets. */
void telemetry_sockets_beyond(struct telemetry *telemetry, size_t row, size_t count);
/* qga_exporter_guests_without_balloon_statistics{source}; likewise for a source that is
 * not asked for them. */
void telemetry_balloons_silent(struct telemetry *telemetry, size_t row, size_t count);

#endif
