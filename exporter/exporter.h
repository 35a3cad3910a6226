/* The parts of the exporter, wired: what serve.c and once.c have in common.  The main
 * thread alone. */
#ifndef EXPORTER_H
#define EXPORTER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct config;
struct failure;
struct mailbox;
struct options;
struct poller;
struct separation;
struct source_driver;
struct store;
struct telemetry;

struct exporter {
    /* Set by the caller of exporter_open(). */
    const struct options *options;
    struct config *config;                      /* freed by exporter_close() */
    const struct source_driver *const *drivers; /* by enum source_kind */
    struct separation *separation; /* guests are asked by another process; NULL: here */

    uv_loop_t loop;
    struct mailbox *mailbox;
    struct store *store;
    struct telemetry *telemetry;
    struct poller *poller;
    uv_signal_t terminate, interrupt;
    uv_timer_t finish, trim;
    int64_t finishing_since_ns;
    bool has_hanging_calls; /* after exporter_stop() */
};

/* Reads the configuration that the options name, and sets the log up by it.  NULL with
 * one sentence in `why`. */
struct config *exporter_load_config(const struct options *options, struct failure *why);
/* From here on SIGTERM and SIGINT end the loop. */
void exporter_open(struct exporter *exporter);
/* Starts the poller; `first_pass` is called with `context` as in struct poller_parts.
 */
void exporter_start(struct exporter *exporter,
                    void (*first_pass)(void *context, bool all_answered),
                    void *context);
void exporter_handle_signal(struct exporter *exporter, uv_signal_t *handle, int number,
                            uv_signal_cb callback, void *context);
/* Stops the poller: no guest is asked any more. */
void exporter_stop(struct exporter *exporter);
/* Stops and frees everything; the caller has closed its own handles of the loop.
 * Returns `status`.  If a call still hangs in libvirt, its thread uses what would be
 * freed: then the process ends here by _exit(status). */
int exporter_close(struct exporter *exporter, int status);

#endif
